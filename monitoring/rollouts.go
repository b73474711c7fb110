package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// rollout is a release that AWS gave up while `pulumi up` ended well, or was not waiting.
type rollout struct {
	name, means string
	section     section
	pattern     pulumi.StringInput
}

// rollouts are known by events of AWS: "Amazon ECS service deployment state change events" (Amazon ECS Developer Guide) and
// "Instance refresh example events and patterns" (Amazon EC2 Auto Scaling User Guide).
func rollouts(a *Args) []rollout {
	service := pulumi.All(a.ClusterName, a.ServiceName).ApplyT(func(names []any) (string, error) {
		return eventPattern{
			Source: []string{"aws.ecs"}, DetailType: []string{"ECS Deployment State Change"},
			Resources: []string{a.Stack.ARN("ecs", fmt.Sprintf("service/%s/%s", names...))},
			Detail:    map[string][]any{"eventName": {"SERVICE_DEPLOYMENT_FAILED"}},
		}.text()
	}).(pulumi.StringOutput)
	group := a.AutoScalingGroupName.ToStringOutput().ApplyT(func(name string) (string, error) {
		return eventPattern{
			Source: []string{"aws.autoscaling"}, DetailType: []string{"EC2 Auto Scaling Instance Refresh Failed"},
			Detail: map[string][]any{"AutoScalingGroupName": {name}},
		}.text()
	}).(pulumi.StringOutput)
	return []rollout{
		{"agents-deployment", "A new version of the agents did not start: the version before it runs on.", agents, service},
		{"backend-refresh", "An instance refresh has failed: old instances, and perhaps some new ones, serve.", backend, group},
	}
}

// rolloutAlarms count the events. The rules have no target: EventBridge counts what they match all the same, an alarm says
// when it is over, and the topic need not let EventBridge in, on which its policy can set no condition.
func (b *builder) rolloutAlarms() ([]alarm, error) {
	var table []alarm
	for _, r := range rollouts(b.args) {
		rule, err := b.eventRule(r.name, r.means, r.pattern)
		if err != nil {
			return nil, err
		}
		table = append(table, alarm{
			name: r.name, section: r.section, means: r.means,
			metric:    metric{"AWS/Events", "MatchedEvents", []dimension{{"RuleName", rule.Name}}},
			statistic: "Sum", period: minutes, periods: 1, is: atLeast, threshold: 1, silence: silenceIsGood,
		})
	}
	return table, nil
}
