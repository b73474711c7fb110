package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// fleet is the backend's Auto Scaling group, as AWS says it is.
type fleet struct {
	at        time.Time // when AWS was asked
	group     types.AutoScalingGroup
	template  string  // the launch template's id
	launches  string  // the version that the group launches
	wanted    version // the version that should run
	refresh   *types.InstanceRefresh
	instances []types.Instance

	now   progress
	since time.Time // when the last refresh that was under way was seen, or the first look
	bad   bool      // the version is at fault, as far as one can tell
	// suspects are instances that the group has terminated because they failed.
	suspects []string
}

// lookBackend asks for the group, its newest refresh, and, once, the newest version of the launch template.
func (s *session) lookBackend(ctx context.Context) (*fleet, error) {
	name, err := s.stack.Output("autoScalingGroupName")
	if err != nil {
		return nil, err
	}
	groups, err := s.asg.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return nil, err
	}
	if len(groups.AutoScalingGroups) == 0 {
		return nil, fmt.Errorf("the account %s has no Auto Scaling group %s in %s: is the stack's output still right?",
			s.aws.ID, name, s.aws.Region)
	}
	f := &fleet{at: s.env.Now(), group: groups.AutoScalingGroups[0]}
	f.instances = f.group.Instances
	spec := specification(f.group)
	if spec == nil {
		return nil, fmt.Errorf("the Auto Scaling group %s has no launch template", name)
	}
	f.template, f.launches = aws.ToString(spec.LaunchTemplateId), aws.ToString(spec.Version)
	if s.backend != nil && s.backend.template == f.template {
		f.wanted = s.backend.wanted
	} else if f.wanted, err = s.newest(ctx, f.template); err != nil {
		return nil, err
	}
	if s.target.version.number != "" {
		f.wanted = s.target.version
	}
	input := &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &name, MaxRecords: aws.Int32(1)}
	if s.target.refresh != "" {
		input = &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &name, InstanceRefreshIds: []string{s.target.refresh}}
	}
	refreshes, err := s.asg.DescribeInstanceRefreshes(ctx, input)
	if err != nil {
		return nil, err
	}
	if len(refreshes.InstanceRefreshes) > 0 {
		f.refresh = &refreshes.InstanceRefreshes[0]
	}
	if s.target.version.number != "" && s.target.refresh == "" && !f.busy() {
		f.refresh = nil // it brought the version that was rolled back
	}
	return f, nil
}

// specification is where a group says what it launches.
func specification(g types.AutoScalingGroup) *types.LaunchTemplateSpecification {
	if g.MixedInstancesPolicy != nil && g.MixedInstancesPolicy.LaunchTemplate != nil {
		return g.MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification
	}
	return g.LaunchTemplate
}

// busy tells whether a refresh is under way.
func (f *fleet) busy() bool {
	if f.refresh == nil {
		return false
	}
	switch f.refresh.Status {
	case types.InstanceRefreshStatusPending, types.InstanceRefreshStatusInProgress, types.InstanceRefreshStatusCancelling,
		types.InstanceRefreshStatusRollbackInProgress, types.InstanceRefreshStatusBaking:
		return true
	}
	return false
}

// refused is a refresh that ended without having replaced all instances, if it was for the version that is wanted: an older one says
// nothing about this rollout.
func (f *fleet) refused() bool {
	if f.refresh == nil || f.busy() || f.refresh.Status == types.InstanceRefreshStatusSuccessful {
		return false
	}
	return !aws.ToTime(f.refresh.StartTime).Before(f.wanted.created)
}

// progress judges what was seen.
func (f *fleet) progress(now time.Time) {
	right, other := f.serving()
	switch {
	case f.busy():
		f.now = waiting
	case f.refused():
		f.now = broken
	case other == 0 && right >= int(aws.ToInt32(f.group.DesiredCapacity)):
		f.now = settled
	case other > 0 && now.Sub(f.since) >= grace:
		f.now = broken // nobody replaces them
	default:
		f.now = waiting
	}
}

// serving counts the instances in service: of the wanted version, and of others.
func (f *fleet) serving() (right, other int) {
	for _, i := range f.instances {
		switch {
		case i.LifecycleState != types.LifecycleStateInService:
		case f.isWanted(i):
			right++
		default:
			other++
		}
	}
	return right, other
}

// isWanted tells whether an instance was launched from the wanted version.
func (f *fleet) isWanted(i types.Instance) bool {
	return i.LaunchTemplate != nil && aws.ToString(i.LaunchTemplate.LaunchTemplateId) == f.template &&
		aws.ToString(i.LaunchTemplate.Version) == f.wanted.number
}

// text is the backend's part of the line of progress.
func (f *fleet) text() string {
	right, other := f.serving()
	text := fmt.Sprintf("backend %d/%d of version %s", right, aws.ToInt32(f.group.DesiredCapacity), f.wanted.number)
	if other > 0 {
		text += fmt.Sprintf(", %d of others", other)
	}
	if f.refresh != nil && (f.busy() || f.refused()) {
		text += fmt.Sprintf(", refresh %s", f.refresh.Status)
		if f.refresh.PercentageComplete != nil {
			text += fmt.Sprintf(" %d %%", *f.refresh.PercentageComplete)
		}
	}
	return text
}

// others are the versions of the instances in service that are not wanted, each once, with their numbers: "2 of version 6".
func (f *fleet) others() string {
	var order []string
	counts := map[string]int{}
	for _, i := range f.instances {
		if i.LifecycleState != types.LifecycleStateInService || f.isWanted(i) {
			continue
		}
		name := "an unknown version"
		if i.LaunchTemplate != nil {
			name = "version " + aws.ToString(i.LaunchTemplate.Version)
			if id := aws.ToString(i.LaunchTemplate.LaunchTemplateId); id != f.template {
				name += " of " + id
			}
		}
		if counts[name]++; counts[name] == 1 {
			order = append(order, name)
		}
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%d of %s", counts[name], name)
	}
	return strings.Join(order, ", ")
}
