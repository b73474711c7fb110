package rollout

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/report"
)

// instanceID is how EC2 names instances.
var instanceID = regexp.MustCompile(`\bi-[0-9a-f]{8,17}\b`)

// mostCauses is how many of a kind are printed.
const mostCauses = 3

// backendCause prints the launches that failed since the wanted version was made, and what the group said of them.
func (s *session) backendCause(ctx context.Context) {
	f := s.backend
	if f.busy() {
		s.say.Line("  instance refresh %s: %s", f.refresh.Status, reason(f.refresh.StatusReason))
	}
	found, err := s.asg.DescribeScalingActivities(ctx, &autoscaling.DescribeScalingActivitiesInput{
		AutoScalingGroupName: f.group.AutoScalingGroupName, MaxRecords: aws.Int32(50),
	})
	if err != nil {
		s.say.Check(report.Unknown, "backend", "the group's activities: %v", account.Explain(err))
		return
	}
	printed := 0
	for _, a := range found.Activities {
		if aws.ToTime(a.StartTime).Before(f.wanted.created) || printed == mostCauses {
			break // newest first
		}
		why := a.StatusMessage
		switch {
		case a.StatusCode == astypes.ScalingActivityStatusCodeFailed, a.StatusCode == astypes.ScalingActivityStatusCodeCancelled:
		case strings.Contains(aws.ToString(a.Cause), "health"):
			why = a.Cause
		default:
			continue
		}
		printed++
		what := strings.TrimSuffix(aws.ToString(a.Description), ".")
		s.say.Line("  %s: %s: %s", a.StartTime.UTC().Format("15:04:05 UTC"), what, reason(why))
		f.suspects = append(f.suspects, instanceID.FindAllString(what, 1)...)
	}
}

// lastDeployment says how the service's newest deployment ended, if it did not succeed.
func (s *session) lastDeployment(ctx context.Context) (string, error) {
	newest, err := s.deployments(ctx)
	if err != nil || len(newest) == 0 || newest[0].Status == types.ServiceDeploymentStatusSuccessful {
		return "", err
	}
	found, err := s.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{aws.ToString(newest[0].ServiceDeploymentArn)},
	})
	if err != nil {
		return "", err
	}
	if len(found.ServiceDeployments) == 0 {
		return string(newest[0].Status), nil
	}
	d := found.ServiceDeployments[0]
	said := []string{string(d.Status), strings.TrimSuffix(aws.ToString(d.StatusReason), ".")}
	if d.Rollback != nil && aws.ToString(d.StatusReason) != aws.ToString(d.Rollback.Reason) {
		said = append(said, strings.TrimSuffix(aws.ToString(d.Rollback.Reason), "."))
	}
	if b := d.DeploymentCircuitBreaker; b != nil && b.Status == types.ServiceDeploymentRollbackMonitorsStatusTriggered {
		said = append(said, "the circuit breaker counted "+count(int(b.FailureCount), "failed task"))
	}
	if a := d.Alarms; a != nil && len(a.TriggeredAlarmNames) > 0 {
		said = append(said, "alarms: "+strings.Join(a.TriggeredAlarmNames, ", "))
	}
	return strings.Join(slices.DeleteFunc(said, func(text string) bool { return text == "" }), "; "), nil
}

// deployments are those of the service in the last 90 days, newest first.
func (s *session) deployments(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	listed, err := s.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &s.agents.cluster, Service: &s.agents.service})
	if err != nil {
		return nil, err
	}
	out := listed.ServiceDeployments
	slices.SortStableFunc(out, func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	return out, nil
}

// agentsCause prints why tasks of the wanted revision have stopped, and the last lines of the newest one's log.
func (s *session) agentsCause(ctx context.Context) {
	stopped, err := s.tasks(ctx, types.DesiredStatusStopped)
	if err != nil {
		s.say.Check(report.Unknown, "agents", "the stopped tasks: %v", account.Explain(err))
		return
	}
	stopped = slices.DeleteFunc(stopped, func(t types.Task) bool { return aws.ToString(t.TaskDefinitionArn) != s.agents.wanted })
	if len(stopped) == 0 {
		s.say.Line("  ECS knows no stopped task of revision %s any more: it forgets them after an hour.", revision(s.agents.wanted))
		s.tellEvents()
		return
	}
	slices.SortStableFunc(stopped, func(a, b types.Task) int { return aws.ToTime(b.StoppedAt).Compare(aws.ToTime(a.StoppedAt)) })
	counts, order := map[string]int{}, []string{}
	for _, t := range stopped {
		text := stopText(t)
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	for i, text := range order {
		if i == mostCauses {
			s.say.Line("  and %s more", count(len(order)-i, "reason"))
			break
		}
		s.say.Line("  %s stopped: %s", count(counts[text], "task"), text)
	}
	id := aws.ToString(stopped[0].TaskArn)
	id = id[strings.LastIndex(id, "/")+1:]
	s.tail(ctx, "task "+id, s.stack.LogGroup("agents"), agentContainer+"/"+agentContainer+"/"+id)
}

// stopText is why a task stopped: ECS's reason, and what is known of its container.
func stopText(t types.Task) string {
	text := reason(t.StoppedReason)
	if t.StopCode != "" {
		text = string(t.StopCode) + ", " + text
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			text += fmt.Sprintf("; container %s: exit code %d", aws.ToString(c.Name), *c.ExitCode)
		}
		if r := aws.ToString(c.Reason); r != "" && !strings.Contains(text, r) {
			text += fmt.Sprintf("; container %s: %s", aws.ToString(c.Name), r)
		}
		if c.HealthStatus == types.HealthStatusUnhealthy {
			text += fmt.Sprintf("; container %s: its health check failed", aws.ToString(c.Name))
		}
	}
	return text
}

// tellEvents prints what the service said last, where its tasks say nothing.
func (s *session) tellEvents() {
	for i, e := range s.agents.is.Events {
		if i == mostCauses {
			break
		}
		s.say.Line("  %s: %s", aws.ToTime(e.CreatedAt).UTC().Format("15:04:05 UTC"), aws.ToString(e.Message))
	}
}
