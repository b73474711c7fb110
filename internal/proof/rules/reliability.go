package rules

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
)

func reliabilityRules() []Rule {
	return []Rule{
		{"instances-survive-a-zone", ids("REL11-BP05"), "Instances are left when a zone fails, without scaling", Production,
			of(scalingGroup), all(atLeast(2, "minSize"), atLeast(2, "minElbCapacity"))},
		{"tasks-survive-a-zone", ids("REL11-BP05"), "Agents are left when a zone fails, without scaling", Production, of(appTarget),
			atLeast(2, "minCapacity")},
		{"group-scales", ids("REL07-BP01"), "The group follows its load, by CPU and by requests", Everywhere,
			of(scalingGroup), that(func(w *World, r plan.Resource) string {
				metrics := map[string]bool{}
				for _, p := range w.From(scalingPolicy, "autoscalingGroupName", r) {
					metrics[text(p, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType")] = true
				}
				for _, want := range []string{"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"} {
					if !metrics[want] {
						return "it does not follow " + want
					}
				}
				return ""
			})},
		{"draining", ids("REL05-BP04"), "A target that goes finishes its requests first", Everywhere,
			of(targetGroup), all(atLeast(30, "deregistrationDelay"))},
		{"alarms-for-everything", ids("REL11-BP01"), "Whatever serves has an alarm of its own", Everywhere,
			of(loadBalancer, scalingGroup, rdsInstance, ecsService, restAPI, bucket, natGateway).where(func(w *World, r plan.Resource) bool {
				return r.Type != bucket || len(w.From(bucketLogging, "bucket", r)) > 0
			}), that(alarmed)},
		{"failed-release-tells", ids("REL08-BP04"), "An alarm tells of a release that AWS took back or gave up", Everywhere,
			of(ecsService, scalingGroup), that(tellsOfFailedReleases)},
		{"stack-tags", nil, "Whatever takes tags carries project, stack, tier and managed-by", Everywhere,
			taggable, that(func(_ *World, r plan.Resource) string {
				for _, tag := range stackTags {
					if empty(get(r, "tags", tag)) {
						return "it lacks the tag " + tag
					}
				}
				return ""
			})},
		{"storage-protected-singly", nil, "Protection stands on what loses data and on nothing above it", Production,
			of(rdsInstance, kmsKey).where(func(_ *World, r plan.Resource) bool {
				return !isReplica(r)
			}), that(func(w *World, r plan.Resource) string {
				for _, parent := range w.Graph.Resources {
					if parent.Protect && !parent.Custom && len(w.Graph.Children(parent.Key())) > 0 {
						return fmt.Sprintf("%s is protected, and all its children with it", parent.Name)
					}
				}
				if !r.Protect {
					return "it is not protected"
				}
				return ""
			})},
	}
}

// alarmed looks for an alarm whose dimensions come from the resource, or from what it owns.
func alarmed(w *World, r plan.Resource) string {
	for _, a := range w.Type(metricAlarm) {
		for _, property := range []string{"dimensions", "metricQueries"} {
			if slices.Contains(a.PropertyDependencies[property], r.Key()) {
				return ""
			}
		}
		// Request metrics of a bucket are under its name, which may come by its policy.
		if r.Type == bucket {
			for _, p := range w.To(a, "dimensions", bucketPolicy) {
				if slices.Contains(p.PropertyDependencies["bucket"], r.Key()) {
					return ""
				}
			}
		}
	}
	return "no alarm watches it"
}

// tellsOfFailedReleases wants a rule for events about the resource, whose matches an alarm counts.
func tellsOfFailedReleases(w *World, r plan.Resource) string {
	event := "SERVICE_DEPLOYMENT_FAILED"
	if r.Type == scalingGroup {
		event = "Instance Refresh Failed"
	}
	for _, rule := range w.From(eventRule, "eventPattern", r) {
		if strings.Contains(text(rule, "eventPattern"), event) && len(w.From(metricAlarm, "dimensions", rule)) > 0 {
			return ""
		}
	}
	return "no alarm counts " + event
}

// taggable selects the types of AWS whose outputs have all their tags. What awsx makes inside itself gets its tags from it.
func taggable(w *World) []plan.Resource {
	var found []plan.Resource
	for _, r := range w.Graph.Resources {
		if r.Custom && r.Type != scalingGroup && takesTags(r.Type) {
			found = append(found, r)
		}
	}
	return found
}

func takesTags(token string) bool {
	_, outputs := shape.Outputs(shape.Env{}, token, "any", nil)
	_, ok := outputs["tagsAll"]
	return ok
}
