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
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// execute runs the program to its end.
func execute(ctx context.Context, program, dir, address string, o Options, s *settings, m *monitor) error {
	environment, err := environment(dir, address, o, s)
	if err != nil {
		return err
	}
	out := o.Stderr
	if out == nil {
		out = io.Discard
	}
	var own bytes.Buffer
	command := exec.CommandContext(ctx, program)
	command.Dir, command.Env = dir, environment
	command.Stdout, command.Stderr = out, io.MultiWriter(&own, out)
	err = command.Run()
	if errs := m.errors(); err != nil || len(errs) > 0 {
		return failure(ctx, err, errs, own.String())
	}
	return nil
}

// environment is the process's own without what could make a plan differ from one machine to the next, and with what the
// CLI hands a program.
func environment(dir, address string, o Options, s *settings) ([]string, error) {
	values, err := json.Marshal(s.values)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	secrets, err := json.Marshal(s.secrets)
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	// The program runs for a fraction of a second and is gone: collecting its garbage takes longer than the rest. Whoever sets
	// GOGC has it their way, as the last of two entries counts.
	env := []string{"GOGC=off"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PULUMI_") && !strings.HasPrefix(entry, "AWS_") {
			env = append(env, entry)
		}
	}
	return append(env,
		pulumi.EnvProject+"="+s.project,
		pulumi.EnvStack+"="+o.Stack,
		pulumi.EnvOrganization+"=organization",
		pulumi.EnvPulumiRootDirectory+"="+dir,
		pulumi.EnvConfig+"="+string(values),
		pulumi.EnvConfigSecretKeys+"="+string(secrets),
		pulumi.EnvDryRun+"="+strconv.FormatBool(!o.Update),
		pulumi.EnvParallel+"=16",
		pulumi.EnvMonitor+"="+address,
		pulumi.EnvEngine+"="+address,
	), nil
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
