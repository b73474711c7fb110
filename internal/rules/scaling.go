package rules

import (
	"fmt"
	"slices"

	"scalable-backend/internal/graph"
)

func scalingRules() []Rule {
	group := of(scalingGroup)
	return []Rule{
		{"group-elb-health", ids("AutoScaling.1 R-AutoScalingGroupELBHealthCheckRequired C2_15 S-AS2"),
			"The group replaces instances that fail the load balancers' checks, after a grace period", Everywhere,
			group, all(is("ELB", "healthCheckType"), atLeast(1, "healthCheckGracePeriod"), refers("targetGroupArns", targetGroup))},
		{"group-cooldown", ids("S-AS1"), "The group has a cooldown", Everywhere, group, isNot(0, "defaultCooldown")},
		{"group-zones", ids("AutoScaling.2"), "The group spans two zones or more", Everywhere,
			group, that(func(w *World, r graph.Resource) string {
				if n := w.zones(r, "vpcZoneIdentifiers"); n < 2 {
					return fmt.Sprintf("it is in %d zones", n)
				}
				return ""
			})},
		{"group-launch-template", ids("AutoScaling.9 C_315"), "The group uses a launch template in a fixed version", Everywhere,
			group, that(fixedVersion)},
		{"group-instance-types", ids("AutoScaling.6"), "The group uses several instance types", Production,
			group, that(func(_ *World, r graph.Resource) string {
				if len(list(r, "mixedInstancesPolicy", "launchTemplate", "overrides")) < 2 {
					return "it uses one instance type"
				}
				return ""
			})},
		{"group-notifications", ids("S-AS3"), "Every launch and termination, also a failed one, notifies the topic", Production,
			group, that(notified)},
		{"group-tags", ids("C_153"), "The group's tags are on its instances", Everywhere, group, that(func(_ *World, r graph.Resource) string {
			for _, want := range stackTags {
				if !slices.ContainsFunc(list(r, "tags"), func(t any) bool {
					return at(t, "key") == want && equal(at(t, "propagateAtLaunch"), true)
				}) {
					return "instances lack the tag " + want
				}
			}
			return ""
		})},
		{"refresh-keeps-capacity", nil, "A refresh launches before it terminates, stops at an alarm, and does not roll back to what is already " +
			"the newest",
			Everywhere, group, all(atLeast(100, refresh("minHealthyPercentage")...), atLeast(101, refresh("maxHealthyPercentage")...),
				is(false, refresh("autoRollback")...), has(refresh("alarmSpecification", "alarms")...))},
		{"group-desired-is-initial", nil, "Only scaling changes the number of instances", Everywhere, group, ignores("desiredCapacity")},
		{"no-attachment-conflicts", nil, "Target groups are attached only in the group itself", Everywhere,
			group, that(func(w *World, _ graph.Resource) string {
				if len(w.Type(scalingAttachment)) > 0 {
					return "there are attachments in addition to targetGroupArns"
				}
				return ""
			})},
	}
}

func refresh(path ...any) []any { return append([]any{"instanceRefresh", "preferences"}, path...) }

func fixedVersion(w *World, r graph.Resource) string {
	path := []any{"launchTemplate"}
	if property := "mixedInstancesPolicy"; !empty(get(r, property)) {
		path = []any{property, "launchTemplate", "launchTemplateSpecification"}
	}
	if len(w.To(r, path[0].(string), launchTemplate)) == 0 || !empty(get(r, "launchConfiguration")) {
		return "it has no launch template"
	}
	version := get(r, append(path, "version")...)
	if _, ok := number(version); !ok {
		return fmt.Sprintf("the version is %v, and a change of the template would not refresh the group", show(version))
	}
	return ""
}

func notified(w *World, r graph.Resource) string {
	for _, n := range w.From(scalingNotification, "groupNames", r) {
		if !w.reachesTopic(n, "topicArn") {
			continue
		}
		for _, event := range []string{"LAUNCH", "LAUNCH_ERROR", "TERMINATE", "TERMINATE_ERROR"} {
			if !slices.Contains(list(n, "notifications"), any("autoscaling:EC2_INSTANCE_"+event)) {
				return "no notification for " + event
			}
		}
		return ""
	}
	return "it has no notifications"
}

// ignores requires that updates ignore a property.
func ignores(property string) Check {
	return that(func(_ *World, r graph.Resource) string {
		if !slices.Contains(r.IgnoreChanges, property) {
			return "updates change " + property
		}
		return ""
	})
}
