package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

const (
	ipSetToken      = "aws:wafv2/ipSet:IpSet"
	webACLToken     = "aws:wafv2/webAcl:WebAcl"
	webACLLinkToken = "aws:wafv2/webAclAssociation:WebAclAssociation"
	webACLLogToken  = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
)

// rateLimit is how many requests one address may send in five minutes, about 33 a second: far above one person or agent, so
// that an office behind one address fits, and far below what it takes to wear the backend out.
const rateLimit = 10_000

// newRateRule refuses addresses that send too much with 429, which clients answer by waiting. The stack's own agents share
// the few addresses of its NAT, and the API's throttling bounds them.
func (b *builder) newRateRule() (pulumi.Map, error) {
	own, err := b.newUntyped(ipSetToken, "own-addresses", pulumi.Map{
		"description":      pulumi.String("Agents of this stack"),
		"scope":            pulumi.String("REGIONAL"),
		"ipAddressVersion": pulumi.String("IPV4"),
		"addresses": b.args.OwnAddresses.ToStringArrayOutput().ApplyT(func(addresses []string) []string {
			ranges := make([]string, len(addresses))
			for i, address := range addresses {
				ranges[i] = address + "/32"
			}
			return ranges
		}).(pulumi.StringArrayOutput),
		"tags": b.Tags("own-addresses"),
	})
	if err != nil {
		return nil, fmt.Errorf("creating set of own addresses: %w", err)
	}
	return pulumi.Map{
		"name":     pulumi.String("RateLimit"),
		"priority": pulumi.Int(0),
		"action":   pulumi.Map{"block": pulumi.Map{"customResponse": pulumi.Map{"responseCode": pulumi.Int(429)}}},
		"statement": pulumi.Map{"rateBasedStatement": pulumi.Map{
			"aggregateKeyType":    pulumi.String("IP"),
			"evaluationWindowSec": pulumi.Int(300),
			"limit":               pulumi.Int(rateLimit),
			"scopeDownStatement": pulumi.Map{"notStatement": pulumi.Map{"statements": pulumi.Array{
				pulumi.Map{"ipSetReferenceStatement": pulumi.Map{"arn": own.Arn}},
			}}},
		}},
		"visibilityConfig": visibility("RateLimit"),
	}, nil
}

// managedRules is one of AWS's rule groups.
type managedRules struct {
	name string
	// count only: report what the group would block. countRules do so for single rules of a group that blocks.
	count      bool
	countRules []string
}

// ruleGroups: what the API takes is counted where the core rules would refuse it (AWS WAF Developer Guide, "Baseline rule
// groups"): a request of 1,000 jobs is larger than 8 KB, the query for a file by its name may be longer than 2 KB, and the
// name may end as a system's files do, in .log or .ini. Bodies are JSON throughout, read by a strict decoder, and hold what people
// and programs wrote: an agent's report of a failure quotes the URL, the path or the name that it met, which the core rules take for
// an attack. Refused, such a report would be repeated until the lease expires, and nobody would learn why the job fails. So is the
// list of anonymous addresses counted, which holds hosting providers and with them the clients of other clouds.
var ruleGroups = []managedRules{
	{name: "AWSManagedRulesAmazonIpReputationList"},
	{name: "AWSManagedRulesAnonymousIpList", count: true},
	{name: "AWSManagedRulesCommonRuleSet", countRules: []string{
		"SizeRestrictions_BODY", "SizeRestrictions_QUERYSTRING", "RestrictedExtensions_QUERYARGUMENTS",
		"CrossSiteScripting_BODY", "EC2MetaDataSSRF_BODY", "GenericLFI_BODY", "GenericRFI_BODY",
	}},
	{name: "AWSManagedRulesKnownBadInputsRuleSet"},
}

func (r managedRules) rule(priority int) pulumi.Map {
	group := pulumi.Map{"vendorName": pulumi.String("AWS"), "name": pulumi.String(r.name)}
	var overrides pulumi.Array
	for _, name := range r.countRules {
		overrides = append(overrides, pulumi.Map{"name": pulumi.String(name), "actionToUse": pulumi.Map{"count": pulumi.Map{}}})
	}
	if overrides != nil {
		group["ruleActionOverrides"] = overrides
	}
	action := "none" // of the override: the group's own actions stand
	if r.count {
		action = "count"
	}
	return pulumi.Map{
		"name":             pulumi.String(r.name),
		"priority":         pulumi.Int(priority),
		"overrideAction":   pulumi.Map{action: pulumi.Map{}},
		"statement":        pulumi.Map{"managedRuleGroupStatement": group},
		"visibilityConfig": visibility(r.name),
	}
}

func visibility(name string) pulumi.Map {
	return pulumi.Map{
		"metricName":               pulumi.String(name),
		"cloudwatchMetricsEnabled": pulumi.Bool(true),
		"sampledRequestsEnabled":   pulumi.Bool(true),
	}
}

// newWAF puts one web ACL in front of the public load balancer and the API's stage, and logs what it sees.
func (b *builder) newWAF() error {
	rate, err := b.newRateRule()
	if err != nil {
		return err
	}
	rules := pulumi.Array{rate}
	for _, group := range ruleGroups {
		rules = append(rules, group.rule(len(rules)))
	}
	acl, err := b.newUntyped(webACLToken, "web-acl", pulumi.Map{
		"description":      pulumi.String("Public load balancer and API"),
		"scope":            pulumi.String("REGIONAL"),
		"defaultAction":    pulumi.Map{"allow": pulumi.Map{}},
		"rules":            rules,
		"visibilityConfig": visibility(b.Stack.Deployment()),
		"tags":             b.Tags("web-acl"),
	})
	if err != nil {
		return fmt.Errorf("creating web ACL: %w", err)
	}
	for _, target := range []struct {
		suffix string
		arn    pulumi.StringInput
	}{{"load-balancer", b.args.LoadBalancerARN}, {"api", b.args.APIStageARN}} {
		if _, err := b.newUntyped(webACLLinkToken, "web-acl-"+target.suffix, pulumi.Map{
			"webAclArn": acl.Arn, "resourceArn": target.arn,
		}); err != nil {
			return fmt.Errorf("associating web ACL with %s: %w", target.suffix, err)
		}
	}
	group, err := b.NewLogGroup("web-acl-log", component.LogGroup{
		// WAF takes no log group whose name begins otherwise.
		Name:          pulumi.String("aws-waf-logs-" + b.Stack.Deployment()),
		RetentionDays: b.args.LogRetentionDays,
		KeyARN:        b.args.LogsKeyARN,
	})
	if err != nil {
		return err
	}
	redacted := func(header string) pulumi.Map {
		return pulumi.Map{"singleHeader": pulumi.Map{"name": pulumi.String(header)}}
	}
	if _, err := b.newUntyped(webACLLogToken, "web-acl-logging", pulumi.Map{
		"resourceArn":           acl.Arn,
		"logDestinationConfigs": pulumi.StringArray{group.Arn},
		"redactedFields":        pulumi.Array{redacted("authorization"), redacted("cookie"), redacted("x-amz-security-token")},
	}); err != nil {
		return fmt.Errorf("logging of web ACL: %w", err)
	}
	return nil
}
