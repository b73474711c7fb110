package review

import (
	"slices"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/rules"
)

const database = "aws:rds/instance:Instance"

// production tells whether the rules for production apply: where the database's deletion is refused.
func production(g *graph.Graph) bool {
	return slices.ContainsFunc(g.OfType(database), func(r graph.Resource) bool {
		on, _ := r.Get("deletionProtection")
		return on == true
	})
}

// ruled returns what newly breaks a security rule, and what no longer does. A finding with a waiver is an exception. The rules are
// those of this tree on both sides.
func ruled(before, after *graph.Graph) ([]Item, error) {
	waivers, err := rules.Waivers()
	if err != nil {
		return nil, err
	}
	old, now := findings(before, production(before)), findings(after, production(after))
	stack := rules.Dev
	if production(after) {
		stack = rules.Prod
	}
	ledger := rules.NewLedger(waivers)
	var items []Item
	if production(before) != production(after) {
		items = append(items, item("the rules for production "+map[bool]string{true: "apply now", false: "no longer apply"}[production(after)]+
			": deletionProtection of the database decides it"))
	}
	for _, key := range sorted(now) {
		if _, had := old[key]; had {
			continue
		}
		f := now[key]
		if w, ok := ledger.Waived(f, stack); ok {
			items = append(items, item("new exception from rule %s for %s: %s (waived: %s)", f.Rule, subject(f), f.Text, w.Reason))
		} else {
			items = append(items, item("breaks rule %s: %s: %s", f.Rule, subject(f), f.Text))
		}
	}
	for _, key := range sorted(old) {
		if _, has := now[key]; !has {
			items = append(items, item("no longer an exception from rule %s: %s: %s", old[key].Rule, subject(old[key]), old[key].Text))
		}
	}
	return items, nil
}

func subject(f rules.Finding) string { return graph.Short(f.Resource.Type) + " " + f.Subject() }

func findings(g *graph.Graph, production bool) map[string]rules.Finding {
	all := map[string]rules.Finding{}
	for _, result := range rules.Evaluate(g, production) {
		for _, f := range result.Findings {
			all[f.Rule+" "+f.Resource.Key()+" "+f.Part] = f // its text may name what changed, which is told elsewhere
		}
	}
	return all
}

// more are words of settings that matter beside those of the rules.
var more = []string{
	"internal", "assignPublicIp", "skipFinalSnapshot", "backupRetentionPeriod", "permissionsBoundary", "httpTokens", "multiAz",
	"authorization", "privileged", "readonlyRootFilesystem", "webAclArn", "throttlingRateLimit",
}

// judged are the inputs that are compared as what they mean, not as text.
var judged = []string{"policy", "assumeRolePolicy"}

// settings returns the changed values about encryption, deletion, public access, TLS and logs, and the options that protect.
func settings(d *graph.Diff) (items []Item) {
	for _, c := range d.Resources {
		name := graph.Short(c.Type) + " " + c.Name
		for _, p := range c.Properties {
			first, _, _ := strings.Cut(p.Path, ".")
			last := p.Path[strings.LastIndex(p.Path, ".")+1:]
			switch {
			case p.Option && (p.Path == "protect" || p.Path == "retainOnDelete"):
				items = append(items, item("%s: option %s: %s", name, p.Path, p.Change()))
			case p.Option || p.Ignored || p.Follows || slices.Contains(judged, first):
			case rules.AboutSecurity(last) || slices.Contains(more, last) && !p.Option:
				items = append(items, item("%s: %s: %s", name, p.Path, p.Change()))
			}
		}
		if c.Action == graph.Delete && guards[c.Type] {
			items = append(items, item("%s is deleted", name))
		}
	}
	return items
}

// guards are types that do nothing but protect or watch.
var guards = map[string]bool{
	"aws:ec2/flowLog:FlowLog":                                true,
	"aws:guardduty/detector:Detector":                        true,
	"aws:inspector2/enabler:Enabler":                         true,
	"aws:cfg/recorder:Recorder":                              true,
	"aws:wafv2/webAclAssociation:WebAclAssociation":          true,
	"aws:wafv2/webAcl:WebAcl":                                true,
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": true,
	"aws:s3/bucketPolicy:BucketPolicy":                       true,
	encryption:                                               true,
	"aws:s3/bucketVersioningV2:BucketVersioningV2":           true,
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                 true,
	"aws:cloudwatch/metricAlarm:MetricAlarm":                 true,
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":      true,
	"scalable-backend:system:Lock":                           true,
}

const encryption = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
