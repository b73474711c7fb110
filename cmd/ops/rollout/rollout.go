// Package rollout follows what an update has started: the replacement of the backend's instances and the deployment of the agents. It
// compares what runs with what was wanted, tries both doors, and tells the cause when something is wrong. `pulumi up` cannot: it does not
// wait for an instance refresh, and ends well after ECS has taken a deployment back.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/report"
	"scalable-backend/cmd/ops/stack"
)

// Command is `ops rollout`.
func Command() command.Command {
	return command.Command{
		Name:    "rollout",
		Summary: "wait until what pulumi up started is done, and tell whether it is what was wanted",
		Usage:   "[-stack STACK] [-only backend|agents] [-rollback [-to NUMBER] [-dry-run]] [flags]",
		Run:     run,
	}
}

const (
	interval = 15 * time.Second // between two looks
	// grace is how long instances or targets may differ from what is wanted although nothing is under way: AWS tells it with a delay.
	grace = time.Minute
)

// options are the flags.
type options struct {
	only             string
	timeout          time.Duration
	doors            bool
	rollback, dryRun bool
	to               int
}

// part names what is followed.
const (
	backendPart = "backend"
	agentsPart  = "agents"
)

func (o *options) has(part string) bool { return o.only == "" || o.only == part }

// session is one call of the command.
type session struct {
	options
	env   *command.Env
	stack *stack.Stack
	aws   *account.Account
	say   *report.Printer

	asg      *autoscaling.Client
	ec2      *ec2.Client
	ecs      *ecs.Client
	elb      *elasticloadbalancingv2.Client
	logs     *cloudwatchlogs.Client
	registry *ecr.Client

	start   time.Time
	backend *fleet // as last seen; nil: not yet, or not asked for
	agents  *crew
	target  target // what is wanted instead of the newest, with -rollback
}

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	var o options
	flags.StringVar(&o.only, "only", "", "one `part` alone: backend or agents")
	flags.DurationVar(&o.timeout, "timeout", time.Hour, "how long to wait")
	flags.BoolVar(&o.doors, "doors", true, "send requests through both doors")
	flags.BoolVar(&o.rollback, "rollback", false, "set the former version, and wait for it")
	flags.IntVar(
		&o.to,
		"to",
		0,
		"the `number` to roll back to: a version of the launch template (-only backend) or a revision of the task definition "+
			"(-only agents); default: the one that served before",
	)
	flags.BoolVar(&o.dryRun, "dry-run", false, "with -rollback: print the AWS calls instead of making them")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	switch {
	case o.only != "" && o.only != backendPart && o.only != agentsPart:
		return command.Wrong(flags, "-only %s: want backend or agents", o.only)
	case o.timeout <= 0:
		return command.Wrong(flags, "-timeout %s: want more than 0s", o.timeout)
	case o.dryRun && !o.rollback:
		return command.Wrong(flags, "-dry-run: without -rollback nothing is changed")
	case o.to != 0 && (!o.rollback || o.only == ""):
		return command.Wrong(flags, "-to: it goes with -rollback and -only")
	case o.to < 0:
		return command.Wrong(flags, "-to %d: want a number above 0", o.to)
	}
	facts, err := from.Load(ctx, env)
	if err != nil {
		return err
	}
	mine, err := account.Open(ctx, env, facts)
	if err != nil {
		return err
	}
	s := newSession(env, facts, mine, o)
	err = s.follow(ctx)
	s.say.Done()
	return err
}

func newSession(env *command.Env, facts *stack.Stack, mine *account.Account, o options) *session {
	return &session{
		options: o, env: env, stack: facts, aws: mine, say: report.New(env), start: env.Now(),
		asg: autoscaling.NewFromConfig(mine.Config), ec2: ec2.NewFromConfig(mine.Config), ecs: ecs.NewFromConfig(mine.Config),
		elb: elasticloadbalancingv2.NewFromConfig(mine.Config), logs: cloudwatchlogs.NewFromConfig(mine.Config),
		registry: ecr.NewFromConfig(mine.Config),
	}
}

// follow waits, compares and tries.
func (s *session) follow(ctx context.Context) error {
	if s.only == agentsPart && !s.stack.Agents() {
		return fmt.Errorf("the stack %s has no agents (fargate.enabled)", s.stack.Name)
	}
	s.say.Line("stack %s, account %s, %s", s.stack.Name, s.aws.ID, s.aws.Region)
	if s.rollback {
		if err := s.setFormer(ctx); err != nil {
			return account.Explain(err)
		}
		s.tellPins() // now, in case that the wait is cut short
		if s.dryRun {
			return nil
		}
	}
	if err := s.wait(ctx); err != nil {
		return s.unfinished(err)
	}
	if err := s.judge(ctx); err != nil {
		return s.unfinished(err)
	}
	return s.verdict()
}

// verdict is the exit status, from what was printed.
func (s *session) verdict() error {
	what := "rollout"
	if s.rollback {
		what = "rollback"
	}
	switch {
	case s.say.Faults() > 0:
		s.say.Line("The %s has failed: %s.", what, count(s.say.Faults(), "fault"))
		s.advise()
		return command.With(command.Failed, nil)
	case s.say.Unknowns() > 0:
		s.say.Line("The %s is done as far as could be seen; what is unknown above could not be looked at.", what)
		return command.With(command.Unfinished, nil)
	}
	s.say.Line("The %s is done.", what)
	return nil
}

// advise says what can be done about a release that is bad.
func (s *session) advise() {
	if s.rollback {
		return
	}
	only := ""
	switch {
	case s.backend == nil || !s.backend.bad:
		return // of the agents, ECS has taken a bad release back by itself
	case s.agents != nil || s.only != "":
		only = " -only backend"
	}
	s.say.Line("Go forward with a fix and pulumi up, or back: ops rollout -stack %s -rollback%s -dry-run", s.stack.Name, only)
}

// unfinished tells what is known when the way to AWS ended.
func (s *session) unfinished(err error) error {
	var exit command.Exit
	if errors.As(err, &exit) && exit.Status == command.Failed {
		return err
	}
	if text := s.text(); text != "" {
		s.say.Line("last seen, at %s: %s", s.seen().UTC().Format("15:04:05 UTC"), text)
		s.say.Line("What AWS has begun goes on without this command; ops rollout looks again.")
	}
	return account.Explain(err)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
