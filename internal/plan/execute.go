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

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// info is what the CLI tells a program.
func info(dir, address string, o Options, s *settings) pulumi.RunInfo {
	return pulumi.RunInfo{
		Project: s.project, Stack: o.Stack, Organization: "organization", RootDirectory: dir,
		Config: s.values, ConfigSecretKeys: s.secrets, DryRun: !o.Update, Parallel: 16, MonitorAddr: address, EngineAddr: address,
	}
}

// execute runs the program to its end.
func execute(ctx context.Context, o Options, s *settings, told pulumi.RunInfo, m *monitor) error {
	var stderr bytes.Buffer
	var err error
	if o.Program != nil {
		err = inline(ctx, o.Program, told)
	} else {
		program, failed := build(ctx, filepath.Join(told.RootDirectory, s.main))
		if failed != nil {
			return failed
		}
		err = start(ctx, program, told, o.Stderr, &stderr)
	}
	if errs := m.errors(); err != nil || len(errs) > 0 {
		return failure(ctx, err, errs, stderr.String())
	}
	return nil
}

// start starts the program and waits for its end.
func start(ctx context.Context, program string, told pulumi.RunInfo, out io.Writer, stderr *bytes.Buffer) error {
	environment, err := environment(told)
	if err != nil {
		return err
	}
	if out == nil {
		out = io.Discard
	}
	command := exec.CommandContext(ctx, program)
	command.Dir, command.Env = told.RootDirectory, environment
	command.Stdout, command.Stderr = out, io.MultiWriter(stderr, out)
	return command.Run()
}

// environment is the process's own without what could make a plan differ from one machine to the next, and with what the
// CLI hands a program.
func environment(told pulumi.RunInfo) ([]string, error) {
	values, err := json.Marshal(told.Config)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	secrets, err := json.Marshal(told.ConfigSecretKeys)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	// The program runs for a fraction of a second and is gone: collecting its garbage takes longer than the rest. Whoever sets
	// GOGC has it their way, as the last of two entries counts.
	env := append([]string{"GOGC=off"}, slices.DeleteFunc(os.Environ(), ofTheMachine)...)
	return append(env,
		pulumi.EnvProject+"="+told.Project,
		pulumi.EnvStack+"="+told.Stack,
		pulumi.EnvOrganization+"="+told.Organization,
		pulumi.EnvPulumiRootDirectory+"="+told.RootDirectory,
		pulumi.EnvConfig+"="+string(values),
		pulumi.EnvConfigSecretKeys+"="+string(secrets),
		pulumi.EnvDryRun+"="+strconv.FormatBool(told.DryRun),
		pulumi.EnvParallel+"="+strconv.Itoa(int(told.Parallel)),
		pulumi.EnvMonitor+"="+told.MonitorAddr,
		pulumi.EnvEngine+"="+told.EngineAddr,
	), nil
}

// ofTheMachine are variables that make a plan differ from one machine to the next.
func ofTheMachine(entry string) bool {
	return strings.HasPrefix(entry, "PULUMI_") || strings.HasPrefix(entry, "AWS_")
}

// failure makes one error of what the program said: what it logged as an error and what it wrote before it died.
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
