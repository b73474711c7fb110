package system

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
)

// account answers like AWS: the numbers of addresses and VPCs, with how many belong to the stack, and the quotas.
type account struct {
	addresses, ownAddresses, vpcs, ownVPCs int
	quota                                  float64
	denied                                 string // a part of the names of functions that fail; "" for none
	asked                                  *int   // counts the calls; nil for not
}

func (a account) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if a.asked != nil {
		*a.asked++
	}
	if a.denied != "" && strings.Contains(args.Token, a.denied) {
		return nil, errors.New("AccessDenied")
	}
	if strings.Contains(args.Token, "servicequotas/") {
		return a.limit(args.Args)
	}
	ids := func(all, own int) resource.PropertyValue {
		if tags := args.Args["tags"]; tags.IsObject() {
			all = own
			if !reflect.DeepEqual(tags.Mappable(), map[string]any{"project": "p", "stack": "prod"}) {
				all = 0 // nothing else has the stack's tags
			}
		}
		list := []resource.PropertyValue{}
		for i := range all {
			list = append(list, resource.NewProperty(fmt.Sprint("id-", i)))
		}
		return resource.NewProperty(list)
	}
	return resource.PropertyMap{
		"allocationIds": ids(a.addresses, a.ownAddresses), "ids": ids(a.vpcs, a.ownVPCs),
	}, nil
}

// limit knows the two quotas of a stack by their service and code.
func (a account) limit(args resource.PropertyMap) (resource.PropertyMap, error) {
	switch id := fmt.Sprint(args["serviceCode"].V, "/", args["quotaCode"].V); id {
	case "ec2/L-0263D0A3", "vpc/L-F678F1CE":
		return resource.PropertyMap{"value": resource.NewProperty(a.quota)}, nil
	default:
		return nil, errors.New("NoSuchResourceException: " + id)
	}
}

func (account) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

// warned returns the warnings of a stack in that account.
func warned(t *testing.T, a account, nat string, zones int) []string {
	t.Helper()
	var cfg config.Config
	cfg.Network.NAT, cfg.Network.AZCount = nat, zones
	var all []string
	require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
		all = quotaWarnings(ctx, cfg, stack.Info{Project: "p", Stack: "prod", Region: "eu-central-1"})
		return nil
	}, pulumi.WithMocks("p", "prod", a)))
	return all
}

// The quotas of addresses and VPCs are for the whole region: those of others count, the stack's own do not.
func TestQuotasOfTheRegion(t *testing.T) {
	const addresses = "the stack needs 3 elastic IP addresses, and eu-central-1 holds 3 others: the account's quota is 5 " +
		"(\"EC2-VPC Elastic IPs\", L-0263D0A3); have it raised before the update"
	const vpcs = "the stack needs 1 VPCs, and eu-central-1 holds 5 others: the account's quota is 5 (\"VPCs per Region\", L-F678F1CE); " +
		"have it raised before the update"
	full := strings.NewReplacer("needs 3", "needs 1", "holds 3", "holds 5")
	for name, c := range map[string]struct {
		account account
		nat     string
		want    []string
	}{
		"a new account":               {account{vpcs: 1, quota: 5}, "one-per-az", nil},
		"another stack like it":       {account{addresses: 3, vpcs: 2, quota: 5}, "one-per-az", []string{addresses}},
		"the same, with one gateway":  {account{addresses: 3, vpcs: 2, quota: 5}, "single", nil},
		"the same, with a raise":      {account{addresses: 3, vpcs: 2, quota: 20}, "one-per-az", nil},
		"a full region":               {account{addresses: 5, vpcs: 5, quota: 5}, "instance", []string{full.Replace(addresses), vpcs}},
		"the stack itself":            {account{addresses: 3, ownAddresses: 3, vpcs: 5, ownVPCs: 1, quota: 5}, "one-per-az", nil},
		"quotas that nobody may read": {account{addresses: 3, vpcs: 1, denied: "servicequotas/"}, "one-per-az", []string{addresses}},
		"the same for VPCs":           {account{vpcs: 5, denied: "servicequotas/"}, "instance", []string{vpcs}},
		"nobody may look":             {account{addresses: 9, vpcs: 9, denied: "ec2/"}, "one-per-az", nil},
	} {
		require.Equal(t, c.want, warned(t, c.account, c.nat, 3), name)
	}
}

// An account with room is asked for two numbers, and no more than that.
func TestQuotasAreAskedForWhenTheyMatter(t *testing.T) {
	for name, c := range map[string]struct{ vpcs, own, want int }{
		"room":            {4, 0, 2},
		"a full region":   {5, 0, 4}, // also what of it is the stack's own, and the quota
		"with this stack": {5, 1, 3},
	} {
		var asked int
		warned(t, account{addresses: 2, vpcs: c.vpcs, ownVPCs: c.own, quota: 20, asked: &asked}, "one-per-az", 3)
		require.Equal(t, c.want, asked, name)
	}
}
