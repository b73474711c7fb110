package rollout

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// setFormerAgents makes the service run the former revision.
func (s *session) setFormerAgents(ctx context.Context) error {
	c := s.agents
	runs := aws.ToString(c.is.TaskDefinition)
	former, err := s.formerTask(ctx)
	if err != nil {
		return err
	}
	if err := s.usable(ctx, former); err != nil {
		return err
	}
	s.target.task, c.wanted = former, former
	s.say.Line("agents: back to revision %s of %s, image %s", revision(former), family(former), s.target.image)
	if former == runs {
		s.say.Line("agents: the service has that revision already")
		return nil
	}
	input := &ecs.UpdateServiceInput{Cluster: &c.cluster, Service: &c.service, TaskDefinition: &former}
	return s.change(call{"ecs", "update-service", input}, func() error {
		_, err := s.ecs.UpdateService(ctx, input)
		return err
	})
}

// formerTask is the revision that -to names; or that of the service, if it is not the newest any more: ECS or somebody has gone back; or
// the one of the last deployment that succeeded with another revision; or the one before.
func (s *session) formerTask(ctx context.Context) (string, error) {
	c := s.agents
	runs := aws.ToString(c.is.TaskDefinition)
	prefix := runs[:len(runs)-len(revision(runs))]
	if s.to != 0 {
		return prefix + strconv.Itoa(s.to), nil
	}
	if primary, ok := c.primary(); ok && aws.ToString(primary.TaskDefinition) != c.wanted {
		return aws.ToString(primary.TaskDefinition), nil
	}
	deployed, err := s.deployedBefore(ctx, runs)
	if err != nil || deployed != "" {
		return deployed, err
	}
	listed, err := s.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: aws.String(family(runs)), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc,
	})
	if err != nil {
		return "", err
	}
	if i := slices.Index(listed.TaskDefinitionArns, runs); i >= 0 && i+1 < len(listed.TaskDefinitionArns) {
		return listed.TaskDefinitionArns[i+1], nil
	}
	return "", fmt.Errorf("the task definition %s has no active revision before %s: there is nothing to go back to. "+
		"Where deletion protection is off, old revisions are removed: go back with images.agent and pulumi up", family(runs), revision(runs))
}

// deployedBefore is the revision of the service's newest deployment that succeeded with another one than it has now; "": AWS knows none.
func (s *session) deployedBefore(ctx context.Context, runs string) (string, error) {
	all, err := s.deployments(ctx)
	if err != nil {
		return "", err
	}
	var order []string // newest first
	for _, d := range all {
		if d.Status == types.ServiceDeploymentStatusSuccessful && d.TargetServiceRevisionArn != nil && len(order) < 20 { // the call's limit
			order = append(order, *d.TargetServiceRevisionArn)
		}
	}
	if len(order) == 0 {
		return "", nil
	}
	found, err := s.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: order})
	if err != nil {
		return "", err
	}
	for _, arn := range order {
		for _, r := range found.ServiceRevisions {
			if task := aws.ToString(r.TaskDefinition); aws.ToString(r.ServiceRevisionArn) == arn && task != "" && task != runs {
				return task, nil
			}
		}
	}
	return "", nil
}

// usable refuses a revision that no service can be set to, and keeps its image.
func (s *session) usable(ctx context.Context, task string) error {
	found, err := s.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &task})
	if err != nil {
		return err
	}
	if found.TaskDefinition.Status != types.TaskDefinitionStatusActive {
		return fmt.Errorf("revision %s of %s is %s, and a service takes active ones only. Where deletion protection is off, old revisions are "+
			"removed: go back with images.agent and pulumi up", revision(task), family(task), found.TaskDefinition.Status)
	}
	for _, c := range found.TaskDefinition.ContainerDefinitions {
		if aws.ToString(c.Name) == agentContainer {
			s.target.image = aws.ToString(c.Image)
		}
	}
	return nil
}
