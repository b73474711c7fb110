package rollout

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// target is what a rollback has set.
type target struct {
	version version // of the launch template
	refresh string  // the id of the refresh that was started
	task    string  // ARN of the task definition
	image   string  // of the task definition
}

// setFormer sets the former version of each part that is asked for.
func (s *session) setFormer(ctx context.Context) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	if s.backend != nil {
		if err := s.setFormerBackend(ctx); err != nil {
			return err
		}
	}
	if s.agents != nil {
		return s.setFormerAgents(ctx)
	}
	return nil
}

// setFormerBackend makes the group launch the former version, and replaces the instances of others.
func (s *session) setFormerBackend(ctx context.Context) error {
	f := s.backend
	former, err := s.formerVersion(ctx)
	if err != nil {
		return err
	}
	s.target.version, f.wanted = former, former
	s.say.Line("backend: back to version %s of the launch template %s, image %s", former.number, f.template, former.image)
	if f.busy() && f.refresh.Status != types.InstanceRefreshStatusCancelling {
		if err := s.cancelRefresh(ctx); err != nil {
			return err
		}
	}
	if f.launches != former.number {
		input := launching(f.group, former.number)
		if err := s.change(call{"autoscaling", "update-auto-scaling-group", input}, func() error {
			_, err := s.asg.UpdateAutoScalingGroup(ctx, input)
			return err
		}); err != nil {
			return err
		}
	}
	if _, other := f.serving(); other == 0 && !f.busy() {
		s.say.Line("backend: all instances are of that version already")
		return nil
	}
	// No alarm stops it: those that the bad release has set off are still on. Instances of the former version stay.
	input := &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: f.group.AutoScalingGroupName,
		Preferences: &types.RefreshPreferences{
			MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(110), SkipMatching: aws.Bool(true), AutoRollback: aws.Bool(false),
		},
	}
	return s.change(call{"autoscaling", "start-instance-refresh", input}, func() error { return s.startRefresh(ctx, input) })
}

// launching is the change of a group that makes it launch another version. AWS takes a mixed policy as a whole.
func launching(g types.AutoScalingGroup, number string) *autoscaling.UpdateAutoScalingGroupInput {
	input := &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: g.AutoScalingGroupName}
	spec := *specification(g)
	spec.LaunchTemplateName, spec.Version = nil, &number // AWS takes the id or the name, not both
	if g.MixedInstancesPolicy == nil {
		input.LaunchTemplate = &spec
		return input
	}
	policy, inside := *g.MixedInstancesPolicy, *g.MixedInstancesPolicy.LaunchTemplate
	inside.LaunchTemplateSpecification = &spec
	policy.LaunchTemplate = &inside
	input.MixedInstancesPolicy = &policy
	return input
}

// cancelRefresh ends the refresh that brings the bad version: two cannot run at once.
func (s *session) cancelRefresh(ctx context.Context) error {
	input := &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: s.backend.group.AutoScalingGroupName}
	return s.change(call{"autoscaling", "cancel-instance-refresh", input}, func() error {
		_, err := s.asg.CancelInstanceRefresh(ctx, input)
		var none *types.ActiveInstanceRefreshNotFoundFault
		if errors.As(err, &none) { // it has just ended
			return nil
		}
		return err
	})
}

// startRefresh waits for the refresh before to end: AWS refuses a second one for as long as it is being cancelled.
func (s *session) startRefresh(ctx context.Context, input *autoscaling.StartInstanceRefreshInput) error {
	for {
		started, err := s.asg.StartInstanceRefresh(ctx, input)
		var running *types.InstanceRefreshInProgressFault
		switch {
		case err == nil:
			s.target.refresh = aws.ToString(started.InstanceRefreshId)
			return nil
		case !errors.As(err, &running):
			return err
		case s.env.Now().Sub(s.start) >= s.timeout:
			return fmt.Errorf("the instance refresh before has not ended after %s: run it again: %w", s.timeout, err)
		}
		s.say.Going("backend: waiting for the instance refresh before to end")
		if err := s.env.Sleep(ctx, interval); err != nil {
			return err
		}
	}
}

// formerVersion is the version that -to names; or that of the group, if it is not the newest any more: somebody has begun to roll back; or
// the newest of the other versions that instances in service run; or the one before the group's.
func (s *session) formerVersion(ctx context.Context) (version, error) {
	f := s.backend
	now, err := strconv.Atoi(f.launches)
	if err != nil {
		return version{}, fmt.Errorf("the group %s launches version %q, want a number", aws.ToString(f.group.AutoScalingGroupName), f.launches)
	}
	number := s.to
	switch {
	case number != 0:
	case f.launches != f.wanted.number:
		number = now
	default:
		for _, i := range f.instances {
			if i.LifecycleState != types.LifecycleStateInService || i.LaunchTemplate == nil ||
				aws.ToString(i.LaunchTemplate.LaunchTemplateId) != f.template {
				continue
			}
			if n, err := strconv.Atoi(aws.ToString(i.LaunchTemplate.Version)); err == nil && n < now {
				number = max(number, n)
			}
		}
		if number == 0 {
			if number, err = s.versionBefore(ctx, now); err != nil {
				return version{}, err
			}
		}
	}
	found, err := s.versions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &f.template, Versions: []string{strconv.Itoa(number)},
	})
	if err != nil {
		return version{}, err
	}
	if len(found) == 0 {
		return version{}, fmt.Errorf("the launch template %s has no version %d", f.template, number)
	}
	return found[0], nil
}

// versionBefore is the newest version that is older than a number.
func (s *session) versionBefore(ctx context.Context, now int) (before int, err error) {
	all, err := s.versions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: &s.backend.template, MaxVersion: aws.String(strconv.Itoa(now - 1)),
	})
	if err != nil {
		return 0, err
	}
	for _, v := range all {
		if n, err := strconv.Atoi(v.number); err == nil && n < now {
			before = max(before, n)
		}
	}
	if before == 0 {
		return 0, fmt.Errorf("the launch template %s has no version before %d: there is nothing to go back to. "+
			"After a change of the processor architecture, go back with the configuration and pulumi up", s.backend.template, now)
	}
	return before, nil
}

// tellPins says what Pulumi must be told: its state still has the version that was rolled back.
func (s *session) tellPins() {
	s.say.Line("Pulumi does not know of this. An update that changes this part, or pulumi refresh, brings the bad version back, unless the " +
		"configuration carries the rollback too:")
	if v := s.target.version; v.image != "" {
		s.say.Line("pulumi config set --stack %s --path images.backend %s", s.stack.Name, v.image)
		s.say.Line("pulumi config set --stack %s --path compute.ignoreRollbackAlarms true", s.stack.Name)
	}
	if s.target.image != "" {
		s.say.Line("pulumi config set --stack %s --path images.agent %s", s.stack.Name, s.target.image)
	}
	s.say.Line("If more than an image was changed, take that change out of the program or the stack's file too; then pulumi up. " +
		"docs/runbook.md, Roll back, says how the pins are removed with the fix.")
}
