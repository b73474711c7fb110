// Package restore brings the database back to an earlier state, in parts between which a person decides: it begins (a second instance
// beside the old one), the names are exchanged, and what is left is taken away; or the second instance is discarded. Each part looks at
// what there is before every step, so that one that ended on the way can be run again.
package restore

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
	"scalable-backend/cmd/ops/report"
	"scalable-backend/cmd/ops/stack"
)

// Command is the entry in the table.
func Command() command.Command {
	return command.Command{
		Name: "restore", Summary: "bring the database back to a point in time or to a snapshot, step by step",
		Usage: "[-stack STACK] [-time TIME | -latest | -snapshot ID | -exchange | -finish | -discard] [-yes] [-dry-run]", Run: run,
	}
}

// order is what the command line asks for.
type order struct {
	at          string
	latest      bool
	snapshot    string
	exchange    bool
	newPassword bool
	finish      bool
	discard     bool
}

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	var o order
	flags.StringVar(&o.at, "time", "", "begin: restore to this `time`, such as 2026-01-31T03:00:00Z")
	flags.BoolVar(&o.latest, "latest", false, "begin: restore to the latest time that there is")
	flags.StringVar(&o.snapshot, "snapshot", "", "begin: restore the snapshot with this `identifier`")
	flags.BoolVar(&o.exchange, "exchange", false, "give the restored instance the name of the old one, and tell Pulumi")
	flags.BoolVar(&o.newPassword, "new-password", false, "with -exchange: the password was rotated since the point in time; make another one")
	flags.BoolVar(&o.finish, "finish", false, "delete the old instance, with a final snapshot, and take the settings back")
	flags.BoolVar(&o.discard, "discard", false, "delete the restored instance, which is not what you wanted")
	yes := flags.Bool("yes", false, "do not ask; the update of -exchange asks all the same")
	dry := flags.Bool("dry-run", false, "print the calls and make none")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	parts := 0
	for _, given := range []bool{o.at != "", o.latest, o.snapshot != "", o.exchange, o.finish, o.discard} {
		if given {
			parts++
		}
	}
	if parts > 1 {
		return command.Wrong(flags, "want one of -time, -latest, -snapshot, -exchange, -finish and -discard")
	}
	if o.newPassword && !o.exchange {
		return command.Wrong(flags, "-new-password goes with -exchange")
	}
	var point time.Time
	if o.at != "" {
		var err error
		if point, err = time.Parse(time.RFC3339, o.at); err != nil {
			return command.Wrong(flags, "-time %s: want a time such as 2026-01-31T03:00:00Z", o.at)
		}
		if point.After(env.Now()) {
			return command.Wrong(flags, "-time %s: want a time in the past", o.at)
		}
	}
	s, err := from.Load(ctx, env)
	if err != nil {
		return err
	}
	p, err := open(ctx, &procedure.Run{Env: env, Stack: s, Dry: *dry, Yes: *yes})
	if err != nil {
		return account.Explain(err)
	}
	return account.Explain(p.do(ctx, o, point))
}

// restoring is the procedure.
type restoring struct {
	*procedure.Run
	print *report.Printer
	rds   *rds.Client
	group *autoscaling.Client
	ssm   *ssm.Client
	aws   aws.Config

	id, fresh, old string // the identifiers of the stack's instance, of the restored and of the former one
	asg            string
}

func open(ctx context.Context, r *procedure.Run) (*restoring, error) {
	p := &restoring{Run: r, print: report.New(r.Env)}
	if !r.Dry {
		mine, err := account.Open(ctx, r.Env, r.Stack)
		if err != nil {
			return nil, err
		}
		p.aws = mine.Config
	}
	p.rds, p.group, p.ssm = rds.NewFromConfig(p.aws), autoscaling.NewFromConfig(p.aws), ssm.NewFromConfig(p.aws)
	var err error
	if p.id, err = r.Stack.Output("databaseInstanceId"); err != nil {
		return nil, err
	}
	if p.asg, err = r.Stack.Output("autoScalingGroupName"); err != nil {
		return nil, err
	}
	p.fresh, p.old = p.id+"-new", p.id+"-old"
	return p, nil
}

func (p *restoring) do(ctx context.Context, o order, point time.Time) error {
	switch {
	case o.exchange:
		return p.exchange(ctx, o.newPassword)
	case o.finish:
		return p.finish(ctx)
	case o.discard:
		return p.discard(ctx)
	case o.at != "" || o.latest || o.snapshot != "":
		return p.begin(ctx, o, point)
	}
	return p.status(ctx)
}
