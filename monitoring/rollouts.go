package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// rollout is a deployment that AWS can give up after `pulumi up` has ended without an error.
type rollout struct {
	suffix, description string
	section             section
	pattern             pulumi.StringInput // of the events that report the failure
}

// rollouts are recognised by events of AWS: "Amazon ECS service deployment state change events" (Amazon ECS Developer Guide) and
// "Instance refresh example events and patterns" (Amazon EC2 Auto Scaling User Guide).
func rollouts(a *Args) []rollout {
	var all []rollout
	if a.Agents {
		all = append(all, agentsRollout(a))
	}
	group := a.AutoScalingGroupName.ToStringOutput().ApplyT(func(name string) (string, error) {
		return eventPattern{
			Source: []string{"aws.autoscaling"}, DetailType: []string{"EC2 Auto Scaling Instance Refresh Failed"},
			Detail: map[string][]any{"AutoScalingGroupName": {name}},
		}.text()
	}).(pulumi.StringOutput)
	return append(all, rollout{
		"backend-refresh", "An instance refresh has failed: old instances, and perhaps some new ones, serve.", backend, group,
	})
}

func agentsRollout(a *Args) rollout {
	service := pulumi.All(a.ClusterName, a.ServiceName).ApplyT(func(names []any) (string, error) {
		return eventPattern{
			Source: []string{"aws.ecs"}, DetailType: []string{"ECS Deployment State Change"},
			Resources: []string{a.Stack.ARN("ecs", fmt.Sprintf("service/%s/%s", names...))},
			Detail:    map[string][]any{"eventName": {"SERVICE_DEPLOYMENT_FAILED"}},
		}.text()
	}).(pulumi.StringOutput)
	return rollout{"agents-deployment", "A new version of the agents did not start: the version before it runs on.", agents, service}
}

// newRolloutRules creates the rules for the events and returns the alarms on their counts. The rules have no target: EventBridge
// counts their matches without one, an alarm reports its end too, and the topic does not have to admit EventBridge, for which
// its policy could set no condition.
func (b *builder) newRolloutRules() ([]alarm, error) {
	var table []alarm
	for _, r := range rollouts(b.args) {
		rule, err := b.newEventRule(r.suffix, r.description, r.pattern)
		if err != nil {
			return nil, err
		}
		table = append(table, alarm{r.suffix, r.section, component.Alarm{
			Description: r.description,
			Metric:      metric{Namespace: "AWS/Events", Name: "MatchedEvents", Dimensions: []dimension{{Name: "RuleName", Value: rule.Name}}},
			Statistic:   "Sum", Period: fiveMinutes, Periods: 1,
			Comparison: component.AtLeast, Threshold: 1, NoData: component.NoDataIsOK,
		}})
	}
	return table, nil
}
