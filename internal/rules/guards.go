package rules

import (
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// monitoringTier is the subject of rules that check whether the account has a resource at all.
const monitoringTier = "scalable-backend:monitoring:Monitoring"

func webACLMetrics(_ *World, r graph.Resource) string {
	for _, rule := range list(r, "rules") {
		if at(rule, "visibilityConfig", "cloudwatchMetricsEnabled") != true {
			return show(at(rule, "name")) + " is not"
		}
	}
	return ""
}

func guardRules() []Rule {
	acl, account := of(webACL), of(monitoringTier)
	return []Rule{
		{"web-acl-rules", ids("WAF.10 C_175 C2_76"), "The web ACL refuses bad requests and inputs", Everywhere,
			acl, managedGroup("AWSManagedRulesCommonRuleSet", "none")},
		{"web-acl-log4j", ids("C_192 C2_77"), "The web ACL refuses known bad inputs", Everywhere,
			acl, managedGroup("AWSManagedRulesKnownBadInputsRuleSet", "none")},
		{"web-acl-anonymous", nil, "Hosting and anonymous addresses are counted, not refused: they include AWS's own", Everywhere,
			acl, managedGroup("AWSManagedRulesAnonymousIpList", "count")},
		{"web-acl-body-size", nil, "Large bodies are counted, not refused: a request with a thousand jobs exceeds WAF's 8 KB", Everywhere,
			acl, counted("SizeRestrictions_BODY")},
		{"web-acl-query-size", nil, "Long queries are counted, not refused: a file name may exceed WAF's 2 KB", Everywhere,
			acl, counted("SizeRestrictions_QUERYSTRING")},
		{"web-acl-extensions", nil, "Names that end in .log or .ini are counted, not refused: files are looked up by name", Everywhere,
			acl, counted("RestrictedExtensions_QUERYARGUMENTS")},
		{"web-acl-reports", nil, "Bodies that quote a URL, a path or markup are counted, not refused: agents report such failures", Everywhere,
			acl, all(counted("CrossSiteScripting_BODY"), counted("EC2MetaDataSSRF_BODY"), counted("GenericLFI_BODY"), counted("GenericRFI_BODY"))},
		{"web-acl-rate", nil, "The web ACL limits the request rate of an address", Everywhere, acl, that(func(_ *World, r graph.Resource) string {
			for _, rule := range list(r, "rules") {
				if n, _ := number(at(rule, "statement", "rateBasedStatement", "limit")); n > 0 && at(rule, "action", "block") != nil {
					return ""
				}
			}
			return "it has no rate limit"
		})},
		{"web-acl-acts", ids("C_342"), "Every rule of the web ACL has an effect", Everywhere, acl, that(func(_ *World, r graph.Resource) string {
			for _, rule := range list(r, "rules") {
				if empty(at(rule, "action")) && empty(at(rule, "overrideAction")) {
					return show(at(rule, "name")) + " does not"
				}
			}
			return ""
		})},
		{"web-acl-metrics", ids("WAF.12"), "Every rule of the web ACL has metrics", Everywhere, acl, that(webACLMetrics)},
		{"web-acl-log", ids("WAF.11 C2_31 R-WAFv2LoggingEnabled"), "The web ACL logs, without credentials", Everywhere,
			acl, satellite(webACLLogging, "resourceArn", that(webACLLog))},
		{"guardduty", ids("GuardDuty.1 C_238"), "GuardDuty monitors the account", Production, account, present(detector)},
		{"guardduty-on", ids("GuardDuty.1 C_238"), "If the stack has GuardDuty, it is on", Everywhere, of(detector), isNot(false, "enable")},
		{"guardduty-rds", ids("GuardDuty.9"), "GuardDuty monitors logins to databases", Everywhere, of(detector), feature("RDS_LOGIN_EVENTS")},
		{"guardduty-s3", ids("GuardDuty.10"), "GuardDuty monitors buckets", Everywhere, of(detector), feature("S3_DATA_EVENTS")},
		{"guardduty-ecs", ids("GuardDuty.12"), "GuardDuty monitors tasks at runtime", Everywhere, of(detector), feature("RUNTIME_MONITORING")},
		{"config", ids("Config.1"), "AWS Config records the account", Production, account, present(configRecorder)},
		{"config-records-all", ids("Config.1 C2_45 C2_48"), "If the stack has AWS Config, it records every type and is started last",
			Everywhere,
			of(configRecorder), all(is(true, "recordingGroup", "allSupported"), is(true, "recordingGroup", "includeGlobalResourceTypes"),
				that(configStarted))},
		{"inspector", ids("Inspector.1 Inspector.2"), "Inspector scans instances and images", Production, account, present(inspector)},
		{"inspector-types", ids("Inspector.1 Inspector.2"), "If the stack has Inspector, it scans instances and images", Everywhere,
			of(inspector), that(func(_ *World, r graph.Resource) string {
				for _, want := range []string{"EC2", "ECR"} {
					if !slices.Contains(list(r, "resourceTypes"), any(want)) {
						return "it does not scan " + want
					}
				}
				return ""
			})},
	}
}

func managedGroup(name, action string) Check {
	return that(func(_ *World, r graph.Resource) string {
		for _, rule := range list(r, "rules") {
			if at(rule, "statement", "managedRuleGroupStatement", "name") != name {
				continue
			}
			if at(rule, "overrideAction", action) == nil {
				return name + ": want the override action " + action
			}
			return ""
		}
		return name + " is missing"
	})
}

// counted requires that one of the core rules counts requests instead of blocking them.
func counted(name string) Check {
	return that(func(_ *World, r graph.Resource) string {
		for _, rule := range list(r, "rules") {
			if at(rule, "name") != "AWSManagedRulesCommonRuleSet" {
				continue
			}
			overrides, _ := at(rule, "statement", "managedRuleGroupStatement", "ruleActionOverrides").([]any)
			for _, o := range overrides {
				if at(o, "name") == name && at(o, "actionToUse", "count") != nil {
					return ""
				}
			}
		}
		return name + " refuses"
	})
}

func webACLLog(w *World, r graph.Resource) string {
	return each(w.To(r, "logDestinationConfigs", logGroup), "its log group is not in the graph", func(g graph.Resource) string {
		if !strings.HasPrefix(text(g, "name"), "aws-waf-logs-") {
			return "WAF does not accept " + g.Name + ": its name does not begin with aws-waf-logs-"
		}
		if !slices.ContainsFunc(list(r, "redactedFields"), func(f any) bool { return at(f, "singleHeader", "name") == "authorization" }) {
			return "it logs bearer tokens"
		}
		return ""
	})
}

func present(token string) Check {
	return that(func(w *World, _ graph.Resource) string {
		if len(w.Type(token)) == 0 {
			return "the stack does not have it"
		}
		return ""
	})
}

func feature(name string) Check {
	return that(func(w *World, r graph.Resource) string {
		for _, f := range w.From(detectorFeature, "detectorId", r) {
			if text(f, "name") == name && text(f, "status") == "ENABLED" {
				return ""
			}
		}
		return name + " is not enabled"
	})
}

// configStarted: a recorder cannot start before it has a delivery channel.
func configStarted(w *World, r graph.Resource) string {
	for _, s := range w.From(configStatus, "name", r) {
		for _, c := range w.Type(configChannel) {
			if equal(get(s, "isEnabled"), true) && slices.Contains(s.DependsOn, c.Key()) && slices.Contains(c.DependsOn, r.Key()) {
				return ""
			}
		}
	}
	return "it is not started after its channel"
}
