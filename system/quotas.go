package system

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/servicequotas"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
	"scalable-backend/network"
)

// quota bounds what all stacks and everything else may have in a region together (Amazon VPC User Guide, "Amazon VPC quotas").
type quota struct {
	what, name    string
	service, code string // of Service Quotas
	usual         int    // where AWS does not say
	need          int    // of this stack
	// count returns how many there are with all of these tags.
	count func(ctx *pulumi.Context, tags map[string]string) (int, error)
}

func quotas(cfg config.Config) []quota {
	addresses := network.NAT(cfg.Network.NAT).Addresses(cfg.Network.AZCount)
	return []quota{
		{"elastic IP addresses", "EC2-VPC Elastic IPs", "ec2", "L-0263D0A3", 5, addresses, countAddresses},
		{"VPCs", "VPCs per Region", "vpc", "L-F678F1CE", 5, 1, countVPCs},
	}
}

// quotaWarnings says where the stack does not fit beside what the region holds already: creation would end halfway, at the NAT or at
// the VPC. Whoever may not look gets none: that is no part of deploying. What fits AWS's usual quota is not asked about further: an
// account's own is never less, and each question makes a preview longer, or is a denial in somebody's trail.
func quotaWarnings(ctx *pulumi.Context, cfg config.Config, at stack.Info) (warnings []string) {
	for _, q := range quotas(cfg) {
		all, err := q.count(ctx, nil)
		if err != nil || all+q.need <= q.usual {
			continue
		}
		own, err := q.count(ctx, at.Own())
		if err != nil || all-own+q.need <= q.usual {
			continue
		}
		limit := q.usual
		if found, err := servicequotas.LookupServiceQuota(ctx, &servicequotas.LookupServiceQuotaArgs{
			ServiceCode: q.service, QuotaCode: pulumi.StringRef(q.code),
		}); err == nil {
			limit = int(found.Value)
		}
		if others := all - own; others+q.need > limit {
			warnings = append(warnings, fmt.Sprintf("the stack needs %d %s, and %s holds %d others: the account's quota is %d (\"%s\", %s); "+
				"have it raised before the update", q.need, q.what, at.Region, others, limit, q.name, q.code))
		}
	}
	return warnings
}

func countAddresses(ctx *pulumi.Context, tags map[string]string) (int, error) {
	found, err := ec2.GetEips(ctx, &ec2.GetEipsArgs{Tags: tags})
	if err != nil {
		return 0, err
	}
	return len(found.AllocationIds), nil
}

func countVPCs(ctx *pulumi.Context, tags map[string]string) (int, error) {
	found, err := ec2.GetVpcs(ctx, &ec2.GetVpcsArgs{Tags: tags})
	if err != nil {
		return 0, err
	}
	return len(found.Ids), nil
}
