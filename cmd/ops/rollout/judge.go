package rollout

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/report"
)

// judge prints what was found of each part, the targets and the doors.
func (s *session) judge(ctx context.Context) error {
	if s.backend != nil {
		if err := s.judgeBackend(ctx); err != nil {
			return err
		}
	}
	if s.agents != nil {
		if err := s.judgeAgents(ctx); err != nil {
			return err
		}
	}
	if s.backend != nil && s.doors {
		s.tryDoors(ctx)
	}
	return ctx.Err()
}

// judgeBackend compares the instances with what is wanted.
func (s *session) judgeBackend(ctx context.Context) error {
	f := s.backend
	right, other := f.serving()
	switch {
	case f.refused():
		f.bad = true
		s.say.Check(report.Bad, "backend", "instance refresh %s: %s", f.refresh.Status, reason(f.refresh.StatusReason))
	case other > 0:
		s.say.Check(report.Bad, "backend", "%s of another version (%s), wanted %s, and no instance refresh is under way%s",
			count(other, "instance"), f.others(), f.wanted.number, f.hint())
	default:
		s.say.Check(report.OK, "backend", "%s of version %s%s", count(right, "instance"), f.wanted.number, f.age())
	}
	if f.launches != f.wanted.number {
		s.say.Check(report.Bad, "backend", "the group launches version %s, and the newest is %s%s", f.launches, f.wanted.number, f.hint())
	}
	s.compareImages("backend", f.wanted.image, "version "+f.wanted.number, "backendImage")
	if f.now == broken {
		s.backendCause(ctx)
		s.tellServingInstances(ctx)
		return nil
	}
	return s.judgeTargets(ctx)
}

// hint is where such a state comes from.
func (f *fleet) hint() string {
	if f.launches != f.wanted.number {
		return ": it was rolled back by hand, or pulumi up ended early"
	}
	return ""
}

// age says that nothing had to be done.
func (f *fleet) age() string {
	if f.refresh == nil || aws.ToTime(f.refresh.StartTime).Before(f.wanted.created) {
		return ""
	}
	if f.refresh.EndTime != nil {
		return ", instance refresh " + string(f.refresh.Status) + " at " + f.refresh.EndTime.UTC().Format("15:04:05 UTC")
	}
	return ", instance refresh " + string(f.refresh.Status)
}

// compareImages holds what is deployed against what the program says that it deployed.
func (s *session) compareImages(part, has, where, output string) {
	if s.rollback {
		return // another image is what was asked for
	}
	wanted, err := s.stack.Output(output)
	switch {
	case err != nil:
		s.say.Check(report.Unknown, part, "which image is wanted: %v", err)
	case has == "":
		s.say.Check(report.Unknown, part, "%s names no image by digest", where)
	case has != wanted:
		s.say.Check(report.Bad, part, "%s has the image %s, and the output %s is %s", where, has, output, wanted)
	default:
		s.say.Check(report.OK, part, "%s has the wanted image, %s", where, has[strings.Index(has, "@")+1:])
	}
}

// judgeAgents compares the service and its tasks with what is wanted.
func (s *session) judgeAgents(ctx context.Context) error {
	c := s.agents
	right, other := c.serving()
	if c.now == broken {
		s.tellDeployment(ctx)
		s.agentsCause(ctx)
		if other > 0 {
			s.say.Line("still running: %s", c.others())
		} else if right == 0 {
			s.say.Line("still running: no agent at all; jobs wait, and none is lost")
		}
		return nil
	}
	s.say.Check(report.OK, "agents", "%s of revision %s", count(right, "task"), revision(c.wanted))
	image, err := s.taskImage(ctx, c.wanted)
	if err != nil {
		return err
	}
	s.compareImages("agents", image, "revision "+revision(c.wanted), "agentImage")
	return s.compareTasks(ctx, image)
}

// tellDeployment says how ECS ended the deployment of the wanted revision.
func (s *session) tellDeployment(ctx context.Context) {
	c := s.agents
	if d, ok := c.failed(); ok {
		s.say.Check(report.Bad, "agents", "deployment of revision %s FAILED: %s", revision(c.wanted), reason(d.RolloutStateReason))
		return
	}
	primary, _ := c.primary()
	runs := revision(aws.ToString(primary.TaskDefinition))
	history, err := s.lastDeployment(ctx)
	switch {
	case err != nil:
		s.say.Check(report.Bad, "agents", "the service runs revision %s, and the newest is %s", runs, revision(c.wanted))
		s.say.Check(report.Unknown, "agents", "why: %v", account.Explain(err))
	case history != "":
		s.say.Check(report.Bad, "agents", "the service runs revision %s, and the newest is %s: %s", runs, revision(c.wanted), history)
	default:
		s.say.Check(report.Bad, "agents", "the service runs revision %s, and the newest is %s: it was rolled back by hand, or pulumi up "+
			"ended early", runs, revision(c.wanted))
	}
}

// reason is a text of AWS's, which may be missing.
func reason(text *string) string {
	if t := strings.TrimSpace(aws.ToString(text)); t != "" {
		return t
	}
	return "AWS gives no reason"
}
