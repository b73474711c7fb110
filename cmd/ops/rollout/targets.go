package rollout

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"scalable-backend/cmd/ops/report"
)

// door is one of the two ways to the backend, by its target group.
type door struct {
	name    string // public or gateway
	group   string // ARN
	targets []types.TargetHealthDescription
}

// healthy tells whether an instance passes the door's check.
func (d *door) healthy(instance string) bool {
	return slices.ContainsFunc(d.targets, func(t types.TargetHealthDescription) bool {
		return aws.ToString(t.Target.Id) == instance && t.TargetHealth.State == types.TargetHealthStateEnumHealthy
	})
}

// lookDoors asks for the health of the targets of both doors.
func (s *session) lookDoors(ctx context.Context) ([]door, error) {
	if len(s.backend.group.TargetGroupARNs) == 0 {
		return nil, nil
	}
	groups, err := s.elb.DescribeTargetGroups(
		ctx,
		&elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: s.backend.group.TargetGroupARNs},
	)
	if err != nil {
		return nil, err
	}
	gateway, err := s.stack.Output("gatewayLoadBalancerArn")
	if err != nil {
		return nil, err
	}
	var out []door
	for _, g := range groups.TargetGroups {
		d := door{name: "public", group: aws.ToString(g.TargetGroupArn)}
		if slices.Contains(g.LoadBalancerArns, gateway) {
			d.name = "gateway"
		}
		health, err := s.elb.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
		if err != nil {
			return nil, err
		}
		d.targets = health.TargetHealthDescriptions
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b door) int { return -cmpText(a.name, b.name) }) // public first
	return out, nil
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// judgeTargets waits, shortly, until the instances in service pass the checks of both doors, and tells which do not.
func (s *session) judgeTargets(ctx context.Context) error {
	began := s.env.Now()
	for {
		doors, err := s.lookDoors(ctx)
		if err != nil {
			return err
		}
		sick := 0
		for _, d := range doors {
			sick += len(s.sick(d))
		}
		if sick == 0 || s.env.Now().Sub(began) >= 2*grace {
			s.tellDoors(ctx, doors)
			return nil
		}
		s.say.Going("%s without a pass of a health check yet", count(sick, "target"))
		if err := s.env.Sleep(ctx, interval); err != nil {
			return err
		}
	}
}

// sick are the instances in service that fail a door's check, or are not known there, each with AWS's reason.
func (s *session) sick(d door) []string {
	var out []string
	for _, i := range s.backend.instances {
		id := aws.ToString(i.InstanceId)
		if i.LifecycleState != "InService" || d.healthy(id) {
			continue
		}
		text := id + ": not registered"
		for _, t := range d.targets {
			if aws.ToString(t.Target.Id) == id {
				text = id + ": " + healthText(t)
			}
		}
		out = append(out, text)
	}
	return out
}

// healthText is a target's state with the reason: unhealthy, Target.Timeout (Request timed out).
func healthText(t types.TargetHealthDescription) string {
	text := string(t.TargetHealth.State)
	if t.TargetHealth.Reason != "" {
		text += ", " + string(t.TargetHealth.Reason)
	}
	if description := aws.ToString(t.TargetHealth.Description); description != "" {
		text += fmt.Sprintf(" (%s)", description)
	}
	return text
}

func (s *session) tellDoors(ctx context.Context, doors []door) {
	right, other := s.backend.serving()
	bad := false
	for _, d := range doors {
		sick := s.sick(d)
		for _, text := range sick {
			s.say.Check(report.Bad, d.name+" targets", "%s", text)
			bad = true
		}
		if len(sick) == 0 {
			s.say.Check(report.OK, d.name+" targets", "%d of %d healthy", right+other, right+other)
		}
	}
	if bad {
		s.backend.bad = true
		s.tailInstances(ctx, doors)
		s.tellServing(doors)
	}
}

// tellServingInstances says what still serves when a refresh has failed.
func (s *session) tellServingInstances(ctx context.Context) {
	doors, err := s.lookDoors(ctx)
	if err != nil {
		s.say.Check(report.Unknown, "targets", "%v", err)
		return
	}
	for _, d := range doors {
		for _, t := range d.targets {
			if t.TargetHealth.State == types.TargetHealthStateEnumUnhealthy {
				s.say.Line("  at the %s door, %s: %s", d.name, aws.ToString(t.Target.Id), healthText(t))
			}
		}
	}
	s.tailInstances(ctx, doors)
	s.tellServing(doors)
}

// tellServing counts the instances that pass the check of each door, by version.
func (s *session) tellServing(doors []door) {
	for _, d := range doors {
		right, other := 0, 0
		for _, i := range s.backend.instances {
			switch {
			case !d.healthy(aws.ToString(i.InstanceId)):
			case s.backend.isWanted(i):
				right++
			default:
				other++
			}
		}
		s.say.Line("still serving at the %s door: %s of version %s, %d of others%s", d.name, count(right, "instance"), s.backend.wanted.number,
			other, bracket(other, s.backend.others()))
	}
}

func bracket(n int, text string) string {
	if n == 0 || text == "" {
		return ""
	}
	return " (" + text + ")"
}
