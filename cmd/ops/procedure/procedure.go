// Package procedure is what the runbook's procedures are made of as commands: calls of AWS and of other programs that are printed, as a
// person would type them, and left out in a dry run; and a question before something is lost.
package procedure

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/stack"
)

// Run is one run of a procedure.
type Run struct {
	Env   *command.Env
	Stack *stack.Stack
	Dry   bool // calls are printed and not made
	Yes   bool // questions are answered with yes
}

// Say prints a line.
func (r *Run) Say(format string, args ...any) {
	fmt.Fprintln(r.Env.Stdout, command.Printable(fmt.Sprintf(format, args...)))
}

// Step begins a part of the procedure.
func (r *Run) Step(format string, args ...any) { r.Say("\n# "+format, args...) }

// line prints what is called, as a shell takes it.
func (r *Run) line(words ...string) {
	fmt.Fprintln(r.Env.Stdout, "  "+command.Printable(Line(words...)))
}

// Do makes a call that changes something. A dry run prints it and returns dry.
func Do[In, Out, Option any](
	ctx context.Context, r *Run, service string, call func(context.Context, *In, ...func(*Option)) (*Out, error), in *In, dry *Out,
) (*Out, error) {
	words, err := CLI(service, in)
	if err != nil {
		return nil, err
	}
	r.line(words...)
	if r.Dry {
		return dry, nil
	}
	out, err := call(ctx, in)
	return out, account.Explain(err)
}

// Read makes a call that changes nothing. It is printed in a dry run only, which returns dry.
func Read[In, Out, Option any](
	ctx context.Context, r *Run, service string, call func(context.Context, *In, ...func(*Option)) (*Out, error), in *In, dry *Out,
) (*Out, error) {
	if r.Dry {
		return Do(ctx, r, service, call, in, dry)
	}
	return call(ctx, in)
}

// Program runs another program, which changes something, and returns what it prints.
func (r *Run) Program(ctx context.Context, name string, args ...string) (string, error) {
	r.line(append([]string{name}, args...)...)
	if r.Dry {
		return "", nil
	}
	text, err := r.Env.Program(ctx, r.Stack.Dir, name, args...)
	return string(text), err
}

// Attached runs a program with the terminal.
func (r *Run) Attached(ctx context.Context, name string, args ...string) error {
	r.line(append([]string{name}, args...)...)
	if r.Dry {
		return nil
	}
	return r.Env.Attached(ctx, command.Attached{Dir: r.Stack.Dir, Name: name, Args: args})
}

// Pulumi runs the CLI for the stack.
func (r *Run) Pulumi(ctx context.Context, args ...string) (string, error) {
	return r.Program(ctx, "pulumi", append(args, "--stack", r.Stack.Full)...)
}

// Set sets a value of the stack's configuration.
func (r *Run) Set(ctx context.Context, key, value string) error {
	_, err := r.Pulumi(ctx, "config", "set", "--path", key, value)
	return err
}

// Up updates the stack. Pulumi shows its preview and asks, unless the procedure is not to ask.
func (r *Run) Up(ctx context.Context, args ...string) error {
	args = append([]string{"up"}, args...)
	if r.Yes {
		args = append(args, "--yes")
	}
	return r.Attached(ctx, "pulumi", append(args, "--stack", r.Stack.Full)...)
}

// Ask asks whether to go on; everything but yes is no, and ends the procedure. A dry run prints the question.
func (r *Run) Ask(format string, args ...any) error {
	question := fmt.Sprintf(format, args...)
	switch {
	case r.Dry:
		r.Say("  (asks: %s)", question)
		return nil
	case r.Yes:
		return nil
	}
	fmt.Fprintf(r.Env.Stdout, "%s Type yes to go on: ", command.Printable(question))
	answer, err := bufio.NewReader(r.Env.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(r.Env.Stdout)
		return errors.New("nobody answers: -yes goes on without a question")
	}
	return errors.New("nothing was changed: the answer was not yes")
}

// CLI is a call as a command line of the AWS CLI.
func CLI(service string, in any) ([]string, error) {
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
	words := []string{"aws", service, kebab(name)}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("printing %s: %w", name, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("printing %s: %w", name, err)
	}
	for key, value := range fields {
		if value == nil || value == "" {
			delete(fields, key)
		}
	}
	if len(fields) == 0 {
		return words, nil
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // <address of …> of a dry run
	if err := encoder.Encode(fields); err != nil {
		return nil, fmt.Errorf("printing %s: %w", name, err)
	}
	return append(words, "--cli-input-json", strings.TrimSpace(out.String())), nil
}

// kebab is the CLI's name of an operation: DescribeDBInstances is describe-db-instances.
func kebab(name string) string {
	var out strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		if i > 0 && unicode.IsUpper(c) {
			before, next := letters[i-1], i+1 < len(letters) && unicode.IsLower(letters[i+1])
			plural := i+2 < len(letters) && letters[i+1] == 's' && unicode.IsUpper(letters[i+2]) // DBs
			if unicode.IsLower(before) || unicode.IsDigit(before) || next && !plural {
				out.WriteByte('-')
			}
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}

// Line is a command line for a shell.
func Line(words ...string) string {
	out := make([]string, len(words))
	for i, word := range words {
		if word == "" || strings.ContainsFunc(word, func(c rune) bool {
			return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_./:=,@%+", c)
		}) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		out[i] = word
	}
	return strings.Join(out, " ")
}
