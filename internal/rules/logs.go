package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// runbookEntry ends a description: where the runbook is, as a file or as an address, and its entry.
var runbookEntry = regexp.MustCompile(`Runbook: (docs/runbook\.md|https://[^ ?#]+)#[a-z0-9-]+$`)

func logRules() []Rule {
	groups, alarms := of(logGroup), of(metricAlarm)
	return []Rule{
		{"log-encrypted", ids("R-CloudWatchLogGroupEncrypted C_158 T0017"), "Logs are encrypted with the stack's key, which CloudWatch Logs " +
			"may use", Everywhere,
			groups, that(func(w *World, r graph.Resource) string {
				return each(w.To(r, "kmsKeyId", kmsKey), "kmsKeyId is not a key of the graph", func(k graph.Resource) string {
					if admits(k, "logs.", "kms:GenerateDataKey") {
						return ""
					}
					return k.Name + " does not allow CloudWatch Logs"
				})
			})},
		{"log-retention", ids("C_66 R-CloudWatchLogGroupRetentionPeriod"), "Logs expire", Everywhere, groups, atLeast(1, "retentionInDays")},
		{"log-year", ids("C_338"), "Logs are kept for a year", Production, groups, atLeast(365, "retentionInDays")},
		{"alarm-acts", ids("C_319 R-CloudWatchAlarmAction"), "Every alarm has actions and a setting for missing data", Everywhere,
			alarms, all(has("alarmActions"), has("treatMissingData"), isNot(false, "actionsEnabled"))},
		{"alarm-tells", nil, "Every alarm notifies the topic at its start and end, unless it repairs an instance", Everywhere,
			alarms.where(func(w *World, r graph.Resource) bool { return !repairs(r) }), that(func(w *World, r graph.Resource) string {
				if !w.reachesTopic(r, "alarmActions") || !w.reachesTopic(r, "okActions") {
					return "it does not notify the topic"
				}
				return ""
			})},
		{"alarm-runbook", nil, "Every alarm names its entry in the runbook", Everywhere, alarms, that(func(_ *World, r graph.Resource) string {
			if !runbookEntry.MatchString(text(r, "alarmDescription")) {
				return "its description names no runbook entry"
			}
			return ""
		})},
		{"topic-key", ids("SNS.1 T0095 T0136 C_26 R-SNSEncryptedKMS"), "The topic is encrypted with a key that its publishers may use",
			Everywhere, of(topic), that(topicKey)},
		{"topic-policy", ids("S-SNS3 SNS.4 C_169 C_385"), "The topic accepts messages only with TLS and from the account", Everywhere,
			of(topic), satellite(topicPolicy, "arn", topicAdmits)},
		{"budget-notifies", nil, "The budget notifies before it is spent", Everywhere, of(budget),
			that(func(w *World, r graph.Resource) string {
				for _, n := range list(r, "notifications") {
					percent, _ := number(at(n, "threshold"))
					if at(n, "thresholdType") == "PERCENTAGE" && percent >= 80 && !empty(at(n, "subscriberSnsTopicArns")) &&
						w.reachesTopic(r, "notifications") {
						return ""
					}
				}
				return "nobody does"
			})},
	}
}

// repairs tells whether an alarm's only action is on its instance.
func repairs(r graph.Resource) bool {
	actions := list(r, "alarmActions")
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a any) bool {
		return !strings.Contains(fmt.Sprint(a), ":automate:")
	})
}

// publishers returns the services that publish to the topic: always alarms, others if they are in the graph.
func (w *World) publishers() []string {
	services := []string{"cloudwatch.amazonaws.com"}
	if len(w.Type(budget)) > 0 {
		services = append(services, "budgets.amazonaws.com")
	}
	if len(w.Type(rdsEvents)) > 0 {
		services = append(services, "events.rds.amazonaws.com")
	}
	if len(w.Type(eventTarget)) > 0 {
		services = append(services, "events.amazonaws.com")
	}
	return services
}

// admits tells whether a key allows an action to a service, by the beginning of its name.
func admits(key graph.Resource, service, action string) bool {
	d, _ := document(key, "policy")
	return slices.ContainsFunc(d.Statement, func(s statement) bool {
		return s.Effect == allow && s.Action.matches(action) && slices.ContainsFunc(s.Principal["Service"], func(name string) bool {
			return strings.HasPrefix(name, service)
		})
	})
}

// topicKey: with the AWS managed key, whose policy allows no services, notifications would be lost without an error.
func topicKey(w *World, r graph.Resource) string {
	return each(w.To(r, "kmsMasterKeyId", kmsKey), "kmsMasterKeyId is not a key of the graph", func(k graph.Resource) string {
		for _, service := range w.publishers() {
			if !admits(k, service, "kms:Decrypt") || !admits(k, service, "kms:GenerateDataKey") {
				return k.Name + " does not allow " + service
			}
		}
		return ""
	})
}

func topicAdmits(w *World, r graph.Resource) []Problem {
	d, err := document(r, "policy")
	if err != nil {
		return []Problem{{Text: err.Error()}}
	}
	var problems []Problem
	if !deniesPlainText(d) {
		problems = append(problems, Problem{Text: "it accepts messages without TLS"})
	}
	for _, service := range w.publishers() {
		if !slices.ContainsFunc(d.Statement, func(s statement) bool {
			return s.Effect == allow && s.Action.matches("sns:Publish") && slices.Contains(s.Principal["Service"], service)
		}) {
			problems = append(problems, Problem{Text: service + " cannot publish"})
		}
	}
	for i, s := range d.Statement {
		if s.Effect == allow && (s.Principal.everyone() || len(s.condition("aws:SourceAccount")) == 0) {
			problems = append(problems, Problem{Part: s.part(i), Text: "it allows other accounts to publish"})
		}
	}
	return problems
}
