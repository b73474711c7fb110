package system

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/config"
)

// checkZone compares the hosted zone with the name that the stack makes in it. In another zone the record would be refused, and in a
// private one nobody would see it: ACM waits more than an hour for its own. Whoever may not look is not stopped.
func checkZone(ctx *pulumi.Context, cfg config.Config) error {
	id, name := cfg.Compute.HostedZoneID, cfg.Compute.DomainName
	if id == "" {
		return nil
	}
	zone, err := route53.LookupZone(ctx, &route53.LookupZoneArgs{ZoneId: &id})
	if err != nil {
		return nil
	}
	if zone.PrivateZone != nil && *zone.PrivateZone {
		return fmt.Errorf("compute.hostedZoneId is %s, a private zone: want a public one, which the internet and ACM can see", id)
	}
	if holds := strings.TrimSuffix(zone.Name, "."); name != holds && !strings.HasSuffix(name, "."+holds) {
		return fmt.Errorf("compute.hostedZoneId is %s, the zone %s, and compute.domainName is %s: want a name in the zone", id, holds, name)
	}
	return nil
}
