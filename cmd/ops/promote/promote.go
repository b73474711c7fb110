// Package promote deploys what another stack has proven: it copies that stack's images into this stack's repositories, with the same
// digests, and names them in the stack's file.
package promote

import (
	"context"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/report"
	"scalable-backend/cmd/ops/stack"
)

// Command is `ops promote`.
func Command() command.Command {
	return command.Command{
		Name:    "promote",
		Summary: "copy the images of one stack to another, and write them into its file",
		Usage:   "-from STACK -to STACK [-only backend|agent] [-dry-run] [flags]",
		Run:     run,
	}
}

// services are the two images, by the names of their repositories and configuration keys.
var services = []string{"backend", "agent"}

// options are the flags.
type options struct {
	from, to               stack.Source
	fromProfile, toProfile string
	only                   string
	dryRun                 bool
}

// session is one call of the command.
type session struct {
	options
	env          *command.Env
	say          *report.Printer
	source, goal *stack.Stack
	sourceAWS    *account.Account
	goalAWS      *account.Account
}

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	var o options
	flags.StringVar(&o.from.Name, "from", "", "the `stack` whose images are promoted")
	flags.StringVar(&o.to.Name, "to", "", "the `stack` that gets them")
	flags.StringVar(&o.from.Dir, "C", ".", "the project's `directory`")
	flags.StringVar(&o.from.Outputs, "from-outputs", "", "a `file` with the outputs of the first, where the Pulumi CLI is missing")
	flags.StringVar(&o.to.Outputs, "to-outputs", "", "a `file` with the outputs of the second")
	flags.StringVar(&o.fromProfile, "from-profile", "",
		"the AWS `profile` for the first stack's account; default: the credentials for the second read it")
	flags.StringVar(&o.toProfile, "to-profile", "", "the AWS `profile` for the second stack's account")
	flags.StringVar(&o.only, "only", "", "one `image` alone: backend or agent")
	flags.BoolVar(&o.dryRun, "dry-run", false, "look at both stacks and print what would be done")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	o.to.Dir = o.from.Dir
	switch {
	case o.from.Name == "" || o.to.Name == "":
		return command.Wrong(flags, "want both -from and -to")
	case o.from.Name == o.to.Name:
		return command.Wrong(flags, "-from and -to are both %s: want two stacks", o.to.Name)
	case o.only != "" && o.only != services[0] && o.only != services[1]:
		return command.Wrong(flags, "-only %s: want backend or agent", o.only)
	}
	s := &session{options: o, env: env, say: report.New(env)}
	err := s.open(ctx)
	if err == nil {
		err = s.promote(ctx)
	}
	s.say.Done()
	return account.Explain(err)
}

// open reads both stacks and the credentials for both accounts.
func (s *session) open(ctx context.Context) (err error) {
	if s.source, err = s.from.Load(ctx, s.env); err != nil {
		return err
	}
	if s.goal, err = s.to.Load(ctx, s.env); err != nil {
		return err
	}
	if s.goalAWS, err = account.OpenProfile(ctx, s.env, s.goal, s.toProfile); err != nil {
		return err
	}
	if s.fromProfile != "" {
		s.sourceAWS, err = account.OpenProfile(ctx, s.env, s.source, s.fromProfile)
		return err
	}
	// One identity for both: ECR takes it for another account's repository if that repository's policy does.
	region, err := s.source.Region()
	if err != nil {
		return err
	}
	copied := *s.goalAWS
	copied.Config = s.goalAWS.Config.Copy()
	copied.Config.Region, copied.Region = region, region
	s.sourceAWS = &copied
	return nil
}

// promote looks at everything first; then it copies each image, and writes the file once all are there.
func (s *session) promote(ctx context.Context) error {
	s.say.Line("from %s, %s, to %s, account %s, %s", s.source.Name, s.sourceAWS.Region, s.goal.Name, s.goalAWS.ID, s.goalAWS.Region)
	architecture, err := s.architecture(ctx)
	if err != nil {
		return err
	}
	var jobs []*job
	pins := map[string]string{}
	for _, service := range services {
		if s.only != "" && s.only != service {
			continue
		}
		if service == "agent" && s.only == "" && !s.goal.Agents() {
			s.say.Line("agent: %s has no agents (fargate.enabled), so it needs no such image", s.goal.Name)
			continue
		}
		j, err := s.prepare(ctx, service, architecture)
		if err != nil {
			return err
		}
		jobs, pins[service] = append(jobs, j), j.target.Name()
	}
	if _, err := pinFile(s.goal.File, s.goal.Project, pins, true); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.copy(j); err != nil {
			return err
		}
	}
	return s.write(pins)
}

// write puts the images into the stack's file.
func (s *session) write(pins map[string]string) error {
	changed, err := pinFile(s.goal.File, s.goal.Project, pins, s.dryRun)
	if err != nil {
		return err
	}
	verb := "set"
	if s.dryRun {
		verb = "would set"
	}
	for _, service := range services {
		if image, ok := changed[service]; ok {
			s.say.Line("%s images.%s in %s: %s", verb, service, s.goal.File, image)
		}
	}
	if len(changed) == 0 {
		s.say.Line("%s names these images already", s.goal.File)
	}
	if !s.dryRun {
		s.say.Line("pulumi up --stack %s deploys them, and ops rollout -stack %[1]s follows it. Until these lines are removed, no update of "+
			"%[1]s builds.", s.goal.Name)
	}
	return nil
}
