package system

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// region answers like AWS: zones by name, without the excluded ones.
type region map[string]string // zone name to id

func (r region) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	var names []resource.PropertyValue
	for name, id := range r {
		excluded := false
		for _, v := range args.Args["excludeZoneIds"].ArrayValue() {
			excluded = excluded || v.StringValue() == id
		}
		if !excluded {
			names = append(names, resource.NewProperty(name))
		}
	}
	return resource.PropertyMap{"names": resource.NewProperty(names)}, nil
}

func (region) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

func zonesOf(r region, n int) (zones []string, err error) {
	err = pulumi.RunErr(func(ctx *pulumi.Context) (err error) {
		zones, err = zoneNames(ctx, n)
		return err
	}, pulumi.WithMocks("project", "stack", r))
	return zones, err
}

// The letters of zones differ between accounts, so zones that lack a service are excluded by their ids.
func TestZonesHaveWhatAStackNeeds(t *testing.T) {
	zones, err := zonesOf(region{"us-east-1c": "use1-az6", "us-east-1a": "use1-az3", "us-east-1b": "use1-az1", "us-east-1d": "use1-az2"}, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"us-east-1b", "us-east-1c", "us-east-1d"}, zones)

	_, err = zonesOf(region{"us-west-1a": "usw1-az2", "us-west-1c": "usw1-az1"}, 2)
	require.ErrorContains(t, err, "network.azCount is 2, and the region has 1 zones with all that a stack needs: [us-west-1c]")
}
