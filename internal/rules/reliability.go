package rules

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan/shape"
)

func reliabilityRules() []Rule {
	return []Rule{
		{"instances-survive-a-zone", ids("REL11-BP05"), "Instances remain when a zone fails, without scaling", Production,
			of(scalingGroup), all(atLeast(2, "minSize"), atLeast(2, "minElbCapacity"))},
		{"tasks-survive-a-zone", ids("REL11-BP05"), "Agents remain when a zone fails, without scaling", Production, of(appTarget),
			atLeast(2, "minCapacity")},
		{"group-scales", ids("REL07-BP01"), "The group scales by CPU and by requests", Everywhere,
			of(scalingGroup), that(func(w *World, r graph.Resource) string {
				metrics := map[string]bool{}
				for _, p := range w.From(scalingPolicy, "autoscalingGroupName", r) {
					metrics[text(p, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType")] = true
				}
				for _, want := range []string{"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"} {
					if !metrics[want] {
						return "it does not scale by " + want
					}
				}
				return ""
			})},
		{"draining", ids("REL05-BP04"), "Targets finish their requests before deregistration", Everywhere,
			of(targetGroup), all(atLeast(30, "deregistrationDelay"))},
		{"alarms-for-everything", ids("REL11-BP01"), "Every resource that serves requests has its own alarm", Everywhere,
			of(loadBalancer, scalingGroup, rdsInstance, ecsService, restAPI, bucket, natGateway).where(func(w *World, r graph.Resource) bool {
				return r.Type != bucket || len(w.From(bucketLogging, "bucket", r)) > 0
			}), that(alarmed)},
		{"failed-release-tells", ids("REL08-BP04"), "An alarm reports failed and rolled-back deployments", Everywhere,
			of(ecsService, scalingGroup), that(tellsOfFailedReleases)},
		{"stack-tags", nil, "Every resource that can have tags has project, stack, deployment, tier and managed-by", Everywhere,
			taggable, that(func(_ *World, r graph.Resource) string {
				for _, tag := range stackTags {
					if empty(get(r, "tags", tag)) {
						return "it lacks the tag " + tag
					}
				}
				return ""
			})},
		{"storage-protected-singly", nil, "Resources that hold data are protected, and not their components", Production,
			of(rdsInstance, kmsKey).where(func(_ *World, r graph.Resource) bool {
				return !isReplica(r)
			}), that(func(w *World, r graph.Resource) string {
				for _, parent := range w.Graph.Resources {
					if parent.Protect && !parent.Custom && len(w.Graph.Children(parent.Key())) > 0 {
						return fmt.Sprintf("%s is protected, and so are all its children", parent.Name)
					}
				}
				if !r.Protect {
					return "it is not protected"
				}
				return ""
			})},
	}
}

// alarmed looks for an alarm whose dimensions come from the resource or from its own resources.
func alarmed(w *World, r graph.Resource) string {
	for _, a := range w.Type(metricAlarm) {
		for _, property := range []string{"dimensions", "metricQueries"} {
			if slices.Contains(a.PropertyDependencies[property], r.Key()) {
				return ""
			}
		}
		// The dimension of a bucket's request metrics is its name, which may come from its policy.
		if r.Type == bucket {
			for _, p := range w.To(a, "dimensions", bucketPolicy) {
				if slices.Contains(p.PropertyDependencies["bucket"], r.Key()) {
					return ""
				}
			}
		}
	}
	return "it has no alarm"
}

// tellsOfFailedReleases requires an event rule for the resource, and an alarm that counts its matches.
func tellsOfFailedReleases(w *World, r graph.Resource) string {
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

// taggable selects the AWS types with the output tagsAll. The children of awsx components get their tags from them.
func taggable(w *World) []graph.Resource {
	var found []graph.Resource
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
