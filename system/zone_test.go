package system

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/config"
)

// hostedZone answers like Route 53: the zone's name; "" denies the look.
type hostedZone struct {
	name    string
	private *bool // nil: Route 53 does not say
}

func (z hostedZone) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if z.name == "" {
		return nil, errors.New("AccessDenied")
	}
	if args.Token != "aws:route53/getZone:getZone" || args.Args["zoneId"].StringValue() != "Z1" {
		return nil, errors.New("asked for another thing")
	}
	found := resource.PropertyMap{"name": resource.NewProperty(z.name)}
	if z.private != nil {
		found["privateZone"] = resource.NewProperty(*z.private)
	}
	return found, nil
}

func (hostedZone) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

// The name has to be in the zone, and the zone public. An update would otherwise fail, or wait more than an hour.
func TestHostedZone(t *testing.T) {
	for name, c := range map[string]struct {
		zone       hostedZone
		id, domain string
		want       string
	}{
		"the zone's own name":      {hostedZone{name: "corp.io"}, "Z1", "corp.io", ""},
		"a name below":             {hostedZone{name: "corp.io"}, "Z1", "a.files.corp.io", ""},
		"a public zone":            {hostedZone{name: "corp.io", private: new(false)}, "Z1", "corp.io", ""},
		"as Route 53 writes it":    {hostedZone{name: "corp.io."}, "Z1", "files.corp.io", ""},
		"another zone":             {hostedZone{name: "corp.com"}, "Z1", "files.corp.io", "corp.com, and compute.domainName is files.corp.io"},
		"a zone with the ending":   {hostedZone{name: "corp.io"}, "Z1", "mycorp.io", "want a name in the zone"},
		"a zone below the name":    {hostedZone{name: "eu.corp.io"}, "Z1", "corp.io", "want a name in the zone"},
		"a private zone":           {hostedZone{name: "corp.io", private: new(true)}, "Z1", "files.corp.io", "a private zone: want a public one"},
		"nobody may look":          {hostedZone{}, "Z1", "files.corp.io", ""},
		"no zone: nobody is asked": {hostedZone{name: "corp.com"}, "", "files.corp.io", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var cfg config.Config
			cfg.Compute.HostedZoneID, cfg.Compute.DomainName = c.id, c.domain
			var err error
			require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
				err = checkZone(ctx, cfg)
				return nil
			}, pulumi.WithMocks("p", "prod", c.zone)))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
