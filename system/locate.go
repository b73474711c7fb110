package system

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
)

// locate asks AWS where the stack is: its account, and the names of the zones that it uses.
func locate(ctx *pulumi.Context, cfg config.Config) (stack.Info, []string, error) {
	info := stack.Info{
		Project:    cfg.Project,
		Stack:      cfg.Stack,
		Region:     cfg.Region,
		Partition:  cfg.Partition(),
		Disposable: cfg.Disposable,

		ExtraTags:              cfg.Governance.Tags,
		PermissionsBoundaryARN: cfg.Governance.PermissionsBoundaryARN,
		RunbookURL:             cfg.Monitoring.RunbookURL,
	}
	caller, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{})
	if err != nil {
		return info, nil, fmt.Errorf("asking AWS for the account: %w", err)
	}
	info.AccountID = caller.AccountId
	zones, err := zoneNames(ctx, cfg.Network.AZCount)
	return info, zones, err
}

// partialZones lack what a stack needs: those of us-west-1 and ap-northeast-1 Fargate (Amazon ECS Developer Guide, "Supported
// Regions for Amazon ECS on AWS Fargate"), the oldest of us-east-1 most current instance types (EKS takes no subnet there
// either: Amazon EKS User Guide, "Networking requirements for VPC and subnets"). An id names the same zone in every account.
var partialZones = []string{"use1-az3", "usw1-az2", "apne1-az3"}

// zoneNames returns the first n zones of the region by name. Local and wavelength zones, which are opted into, are left out:
// they lack NAT gateways, load balancers or RDS.
func zoneNames(ctx *pulumi.Context, n int) ([]string, error) {
	found, err := aws.GetAvailabilityZones(ctx, &aws.GetAvailabilityZonesArgs{
		State:          pulumi.StringRef("available"),
		ExcludeZoneIds: partialZones,
		Filters: []aws.GetAvailabilityZonesFilter{
			{Name: "opt-in-status", Values: []string{"opt-in-not-required"}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("asking AWS for the region's zones: %w", err)
	}
	names := slices.Sorted(slices.Values(found.Names))
	if len(names) < n {
		return nil, fmt.Errorf("network.azCount is %d, and the region has %d zones with all that a stack needs: %v", n, len(names), names)
	}
	return names[:n], nil
}
