package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// crew is the agents' ECS service, as AWS says it is.
type crew struct {
	at               time.Time
	cluster, service string
	wanted           string // ARN of the task definition that should run
	is               types.Service

	now progress
}

// lookAgents asks for the service and, once, for the newest revision of its task definition.
func (s *session) lookAgents(ctx context.Context) (*crew, error) {
	c := &crew{at: s.env.Now()}
	var err error
	if c.cluster, err = s.stack.Output("clusterName"); err != nil {
		return nil, err
	}
	if c.service, err = s.stack.Output("serviceName"); err != nil {
		return nil, err
	}
	found, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.cluster, Services: []string{c.service}})
	if err != nil {
		return nil, err
	}
	if len(found.Services) == 0 || aws.ToString(found.Services[0].Status) == "INACTIVE" {
		return nil, fmt.Errorf("the cluster %s has no service %s: is the stack's output still right?", c.cluster, c.service)
	}
	c.is = found.Services[0]
	switch {
	case s.target.task != "":
		c.wanted = s.target.task
	case s.agents != nil:
		c.wanted = s.agents.wanted
	default:
		if c.wanted, err = s.newestTask(ctx, aws.ToString(c.is.TaskDefinition)); err != nil {
			return nil, err
		}
	}
	c.judge()
	return c, nil
}

// newestTask is the newest revision of a family: the program registers one for each change, so it is what the last update wanted.
func (s *session) newestTask(ctx context.Context, of string) (string, error) {
	listed, err := s.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: aws.String(family(of)), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(1),
	})
	if err != nil {
		return "", err
	}
	if len(listed.TaskDefinitionArns) == 0 {
		return of, nil // all are deregistered, and the service runs on
	}
	return listed.TaskDefinitionArns[0], nil
}

// family and revision are the parts of arn:aws:ecs:…:task-definition/<family>:<revision>.
func family(task string) string {
	name := task[strings.LastIndex(task, "/")+1:]
	if i := strings.LastIndex(name, ":"); i >= 0 {
		return name[:i]
	}
	return name
}

func revision(task string) string { return task[strings.LastIndex(task, ":")+1:] }

// primary is the deployment that the service works on, or has finished.
func (c *crew) primary() (types.Deployment, bool) { return c.deployment("PRIMARY") }

func (c *crew) deployment(status string) (types.Deployment, bool) {
	for _, d := range c.is.Deployments {
		if aws.ToString(d.Status) == status {
			return d, true
		}
	}
	return types.Deployment{}, false
}

// failed is the deployment of the wanted revision, if ECS has given it up.
func (c *crew) failed() (types.Deployment, bool) {
	for _, d := range c.is.Deployments {
		if aws.ToString(d.TaskDefinition) == c.wanted && d.RolloutState == types.DeploymentRolloutStateFailed {
			return d, true
		}
	}
	return types.Deployment{}, false
}

// judge decides how far the deployment has come.
func (c *crew) judge() {
	primary, ok := c.primary()
	_, failed := c.failed()
	switch {
	case failed, ok && aws.ToString(primary.TaskDefinition) != c.wanted:
		c.now = broken
	case ok && len(c.is.Deployments) == 1 && primary.RolloutState != types.DeploymentRolloutStateInProgress &&
		primary.RunningCount == primary.DesiredCount:
		c.now = settled
	default:
		c.now = waiting
	}
}

// serving counts the running tasks: of the wanted revision, and of others.
func (c *crew) serving() (right, other int) {
	for _, d := range c.is.Deployments {
		if aws.ToString(d.TaskDefinition) == c.wanted {
			right += int(d.RunningCount)
		} else {
			other += int(d.RunningCount)
		}
	}
	return right, other
}

// text is the agents' part of the line of progress.
func (c *crew) text() string {
	right, other := c.serving()
	text := fmt.Sprintf("agents %d/%d of revision %s", right, c.is.DesiredCount, revision(c.wanted))
	if other > 0 {
		text += fmt.Sprintf(", %d of others", other)
	}
	for _, d := range c.is.Deployments {
		if aws.ToString(d.TaskDefinition) != c.wanted {
			continue
		}
		if d.RolloutState != "" && d.RolloutState != types.DeploymentRolloutStateCompleted {
			text += ", deployment " + string(d.RolloutState)
		}
		if d.FailedTasks > 0 {
			text += fmt.Sprintf(", %s failed", count(int(d.FailedTasks), "task"))
		}
	}
	return text
}

// others are the revisions of the running tasks that are not wanted: "2 of revision 11".
func (c *crew) others() string {
	var out []string
	for _, d := range c.is.Deployments {
		if task := aws.ToString(d.TaskDefinition); task != c.wanted && d.RunningCount > 0 {
			out = append(out, fmt.Sprintf("%d of revision %s", d.RunningCount, revision(task)))
		}
	}
	return strings.Join(out, ", ")
}
