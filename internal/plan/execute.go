package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// execute runs the program to its end.
func execute(ctx context.Context, o Options, s *settings, run Start, m *monitor) error {
	var stderr bytes.Buffer
	var err error
	if o.Program != nil {
		err = o.Program(ctx, run)
	} else {
		program, failed := build(ctx, filepath.Join(run.RootDirectory, s.main))
		if failed != nil {
			return failed
		}
		err = start(ctx, program, run, o.Stderr, &stderr)
	}
	if errs := m.errors(); err != nil || len(errs) > 0 {
		return failure(ctx, err, errs, stderr.String())
	}
	return nil
}

// start starts the program and waits for its end.
func start(ctx context.Context, program string, run Start, out io.Writer, stderr *bytes.Buffer) error {
	environment, err := environment(run)
	if err != nil {
		return err
	}
	if out == nil {
		out = io.Discard
	}
	command := exec.CommandContext(ctx, program)
	command.Dir, command.Env = run.RootDirectory, environment
	command.Stdout, command.Stderr = out, io.MultiWriter(stderr, out)
	return command.Run()
}

// environment returns this process's environment without the variables that could change a plan, and with those that the CLI sets
// for a program.
func environment(run Start) ([]string, error) {
	values, err := json.Marshal(run.Config)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	secrets, err := json.Marshal(run.ConfigSecretKeys)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	// The program runs for a fraction of a second and is faster without garbage collection. GOGC in this process's environment
	// overrides this entry, because the last entry applies.
	env := append([]string{"GOGC=off"}, slices.DeleteFunc(os.Environ(), changesPlan)...)
	return append(env,
		"PULUMI_PROJECT="+run.Project,
		"PULUMI_STACK="+run.Stack,
		"PULUMI_ORGANIZATION="+run.Organization,
		"PULUMI_ROOT_DIRECTORY="+run.RootDirectory,
		"PULUMI_CONFIG="+string(values),
		"PULUMI_CONFIG_SECRET_KEYS="+string(secrets),
		"PULUMI_DRY_RUN="+strconv.FormatBool(run.DryRun),
		"PULUMI_PARALLEL="+strconv.Itoa(int(run.Parallel)),
		"PULUMI_MONITOR="+run.Address,
		"PULUMI_ENGINE="+run.Address,
	), nil
}

// changesPlan tells whether a variable could make a plan differ from one machine to another.
func changesPlan(entry string) bool {
	return strings.HasPrefix(entry, "PULUMI_") || strings.HasPrefix(entry, "AWS_")
}

// failure returns one error with the errors that the program logged and its output on stderr.
func failure(ctx context.Context, exit error, logged []string, stderr string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("running the program: %w", ctx.Err())
	}
	for i, text := range logged {
		text = strings.TrimPrefix(text, "an unhandled error occurred: program failed: \n")
		logged[i] = strings.TrimSpace(strings.TrimPrefix(text, "1 error occurred:\n\t* "))
	}
	text := strings.TrimSpace(strings.Join(logged, "\n") + "\n" + strings.TrimSpace(stderr))
	if text == "" {
		return fmt.Errorf("running the program: %w", exit)
	}
	return errors.New(text)
}
