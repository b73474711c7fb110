// Package doctor looks for what would stop or spoil an update, before the first one and at any time after it: credentials, account and
// region, zones, quotas, tools, what exists once in a region, certificate, names, mails, images and secrets. It changes nothing.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/stack"
)

// Command is the entry in the table.
func Command() command.Command {
	return command.Command{
		Name: "doctor", Summary: "check account, quotas and tools before the first update and any time after it, and say how to mend them",
		Usage: "[-stack STACK] [-json] [-timeout 30s]", Run: run,
	}
}

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	asJSON := flags.Bool("json", false, "print the findings as one JSON array")
	timeout := flags.Duration("timeout", 30*time.Second, "how long one check may take")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	if from.Outputs != "" {
		return command.Wrong(flags, "-outputs is not for this command: it reads the stack's state, and works before there are any")
	}
	if *timeout <= 0 {
		return command.Wrong(flags, "-timeout %s: want a positive duration", *timeout)
	}
	s, err := from.Files(ctx, env)
	if err != nil {
		return err
	}
	out := printer{env: env, asJSON: *asJSON}
	subject := &subject{env: env, stack: s, timeout: *timeout}
	subject.read(ctx, &out)
	if err := ctx.Err(); err != nil {
		return err
	}
	subject.sign(ctx, &out)
	for _, findings := range subject.all(ctx, checks) {
		out.add(<-findings)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return out.end()
}

// Status is what a check has found.
type Status string

// The statuses.
const (
	OK   Status = "OK"
	Warn Status = "WARN" // worth doing, or not checked; an update would go through
	Fail Status = "FAIL" // an update would stop, or the stack would not work
)

// Finding is one line.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"` // what to do; empty when all is well
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Text: fmt.Sprintf(format, args...)}
}

// warn and fail begin with what is to be done.
func warn(mend, format string, args ...any) Finding {
	return Finding{Status: Warn, Text: fmt.Sprintf(format, args...), Mend: mend}
}

func fail(mend, format string, args ...any) Finding {
	return Finding{Status: Fail, Text: fmt.Sprintf(format, args...), Mend: mend}
}

// printer prints findings as they come, or all of them as JSON at the end.
type printer struct {
	env      *command.Env
	asJSON   bool
	findings []Finding
}

func (p *printer) add(findings []Finding) {
	p.findings = append(p.findings, findings...)
	if p.asJSON {
		return
	}
	for _, f := range findings {
		fmt.Fprintf(p.env.Stdout, "%-4s  %-*s  %s\n", f.Status, width, f.Check, indented(f.Text))
		if f.Mend != "" {
			fmt.Fprintf(p.env.Stdout, "%s%s\n", margin, indented("mend: "+f.Mend))
		}
	}
}

const width = len("quota NAT gateways per zone") // the longest name

var margin = strings.Repeat(" ", len("WARN")+2+width+2)

// indented is a text whose further lines stand below its first.
func indented(text string) string {
	return strings.ReplaceAll(command.Printable(strings.TrimSpace(text)), "\n", "\n"+margin)
}

// end prints the sum and returns the exit status.
func (p *printer) end() error {
	count := map[Status]int{}
	for _, f := range p.findings {
		count[f.Status]++
	}
	if p.asJSON {
		text, err := json.MarshalIndent(p.findings, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(p.env.Stdout, "%s\n", text)
	} else {
		fmt.Fprintf(p.env.Stdout, "\n%d OK, %d WARN, %d FAIL\n", count[OK], count[Warn], count[Fail])
	}
	if count[Fail] > 0 {
		return command.With(command.Failed, nil)
	}
	return nil
}
