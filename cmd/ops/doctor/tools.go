package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"scalable-backend/cmd/ops/command"
)

// checkDocker asks for a running Docker with BuildKit, when images are built.
func checkDocker(ctx context.Context, s *subject) ([]Finding, error) {
	if !s.plan.has("awsx:ecr:Image") {
		return []Finding{ok("not needed: images.backend and images.agent say what runs")}, nil
	}
	server, err := s.env.Program(ctx, s.stack.Dir, "docker", "version", "--format", "{{.Server.Version}}")
	if finding, bad := noProgram(err, "install Docker: a preview builds the images too (https://docs.docker.com/engine/install)",
		"start Docker, and see that you may use it (docker ps)"); bad {
		return []Finding{finding}, nil
	}
	buildx, err := s.env.Program(ctx, s.stack.Dir, "docker", "buildx", "version")
	if finding, bad := noProgram(err, "", "install the plugin buildx (https://docs.docker.com/build/install-buildx)"); bad {
		return []Finding{finding}, nil
	}
	return []Finding{ok("Docker %s, %s", strings.TrimSpace(string(server)), strings.TrimSpace(string(buildx)))}, nil
}

// noProgram is the finding of a program that is missing or fails. What ended with its time is left to the caller of the check.
func noProgram(err error, install, repair string) (Finding, bool) {
	switch {
	case err == nil:
		return Finding{}, false
	case errors.Is(err, context.DeadlineExceeded):
		return warn("", "%s", err), true
	case errors.Is(err, command.ErrMissing):
		return fail(install, "%s", err), true
	}
	return fail(repair, "%s", err), true
}

var sdkLine = regexp.MustCompile(`(?m)^\s*(?:require )?github\.com/pulumi/pulumi/sdk/v3 v(3\.\d+\.\d+)`)

// checkPulumi compares the CLI with the SDK that the program is written for: an older one may lack what it uses.
func checkPulumi(ctx context.Context, s *subject) ([]Finding, error) {
	const install = "install it (https://www.pulumi.com/docs/install)"
	text, err := s.env.Program(ctx, s.stack.Dir, "pulumi", "version")
	if finding, bad := noProgram(err, install, install); bad {
		return []Finding{finding}, nil
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(text)), "v")
	module, err := os.ReadFile(filepath.Join(s.stack.Dir, "go.mod"))
	if err != nil {
		return []Finding{ok("%s", version)}, nil // a project of another layout
	}
	sdk := sdkLine.FindSubmatch(module)
	if !strings.HasPrefix(version, "3.") {
		return []Finding{fail("install Pulumi 3", "%s: want 3", version)}, nil
	}
	if sdk != nil && older(version, string(sdk[1])) {
		return []Finding{warn("upgrade it: pulumi's own message says how", "%s is older than the SDK that the program uses, %s", version,
			sdk[1])}, nil
	}
	return []Finding{ok("%s", version)}, nil
}

// older compares versions a.b.c; what follows a hyphen or plus is left out.
func older(version, than string) bool {
	a, b := numbers(version), numbers(than)
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func numbers(version string) (out [3]int) {
	version, _, _ = strings.Cut(version, "-")
	version, _, _ = strings.Cut(version, "+")
	for i, part := range strings.SplitN(version, ".", 3) {
		out[i], _ = strconv.Atoi(part) // 0 for what is no number
	}
	return out
}

// checkBackend says where the stack's state is, and how the secrets in it are encrypted.
func checkBackend(ctx context.Context, s *subject) ([]Finding, error) {
	text, err := s.env.Program(ctx, s.stack.Dir, "pulumi", "whoami", "--json", "--non-interactive")
	if errors.Is(err, command.ErrMissing) {
		return []Finding{warn("", "not checked: %s", err)}, nil
	}
	if finding, bad := noProgram(err, "", "pulumi login <where the state is>"); bad {
		return []Finding{finding}, nil
	}
	var who struct {
		User string `json:"user"`
		URL  string `json:"url"`
	}
	if err := json.Unmarshal(text, &who); err != nil {
		return nil, fmt.Errorf("pulumi whoami --json: %w", err)
	}
	return []Finding{s.judgeBackend(who.URL, who.User)}, nil
}

func (s *subject) judgeBackend(url, user string) Finding {
	var file struct {
		Provider string `yaml:"secretsprovider"`
		Salt     string `yaml:"encryptionsalt"`
	}
	if text, err := os.ReadFile(s.stack.File); err == nil {
		if err := yaml.Unmarshal(text, &file); err != nil {
			return fail("mend the file", "%s: %s", s.stack.File, err)
		}
	}
	passphrase := s.env.Getenv("PULUMI_CONFIG_PASSPHRASE") != "" || s.env.Getenv("PULUMI_CONFIG_PASSPHRASE_FILE") != ""
	byPassphrase := file.Provider == "passphrase" || file.Provider == "" && file.Salt != ""
	_, cloud := strings.CutPrefix(url, "https://")
	at := url
	if user != "" {
		at += ", as " + user
	}
	switch {
	case strings.HasPrefix(url, "file://"):
		return warn("pulumi login s3://<bucket>, before the first update; pulumi stack export and import move a stack",
			"%s: the state is on this machine alone, and nobody else can update the stack", url)
	case byPassphrase && !passphrase:
		return fail("export PULUMI_CONFIG_PASSPHRASE_FILE=<file>", "%s; the stack's secrets need a passphrase", at)
	case byPassphrase:
		return ok("%s; secrets by a passphrase", at)
	case file.Provider != "":
		return ok("%s; secrets by %s", at, file.Provider)
	case cloud:
		return ok("%s; secrets by Pulumi Cloud", at)
	}
	return warn("pulumi stack init "+s.stack.Name+" --secrets-provider awskms://alias/<key>, or pulumi stack change-secrets-provider",
		"%s; %s names no secrets provider, so Pulumi asks for a passphrase", at, filepath.Base(s.stack.File))
}
