package stack

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"scalable-backend/cmd/ops/command"
)

// Source says which stack is meant and where its outputs come from.
type Source struct {
	Name    string // may be organisation/project/stack; "": $PULUMI_STACK, or the one that is selected
	Dir     string // the project's directory, or one below it
	Outputs string // a file with the outputs as JSON, "-" for stdin; "": the Pulumi CLI is asked
}

// Flags adds -stack, -C and -outputs to the flags of a command.
func Flags(flags *flag.FlagSet) *Source {
	s := &Source{}
	flags.StringVar(&s.Name, "stack", "", "the `stack` (default: $PULUMI_STACK, or the one that is selected)")
	flags.StringVar(&s.Dir, "C", ".", "the project's `directory`")
	flags.StringVar(&s.Outputs, "outputs", "",
		"a `file` with what \"pulumi stack output --json\" prints (- is stdin), where the Pulumi CLI is missing")
	return s
}

// Load reads the stack's files and its outputs.
func (s *Source) Load(ctx context.Context, env *command.Env) (*Stack, error) {
	out, full, err := s.open(ctx, env)
	if err != nil {
		return nil, err
	}
	text, from := []byte(nil), s.Outputs
	switch s.Outputs {
	case "":
		from = "pulumi stack output"
		text, err = env.Program(ctx, out.Dir, "pulumi", "stack", "output", "--json", "--show-secrets=false", "--non-interactive", "--stack", full)
		if errors.Is(err, command.ErrMissing) {
			err = errors.New("the Pulumi CLI is not installed: give the stack's outputs as -outputs <file>")
		}
	default:
		text, err = command.ReadFile(env, s.Outputs)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of the stack %s: %w", out.Name, err)
	}
	if err := json.Unmarshal(text, &out.outputs); err != nil {
		return nil, fmt.Errorf("%s: want the stack's outputs as a JSON object: %w", from, err)
	}
	if len(out.outputs) == 0 {
		return nil, fmt.Errorf("the stack %s has no outputs: run pulumi up first", out.Name)
	}
	return out, nil
}

// Files reads the stack's files only: for commands that work before the first pulumi up. Such a stack has no outputs.
func (s *Source) Files(ctx context.Context, env *command.Env) (*Stack, error) {
	out, _, err := s.open(ctx, env)
	return out, err
}

// open finds the project and the stack's name, as given and without organisation and project.
func (s *Source) open(ctx context.Context, env *command.Env) (out *Stack, full string, err error) {
	dir, file, err := findProject(s.Dir)
	if err != nil {
		return nil, "", err
	}
	root, err := readMapping(file)
	if err != nil {
		return nil, "", err
	}
	out = &Stack{Dir: dir, project: child(root, "config")}
	if name := child(root, "name"); name != nil {
		out.Project = name.Value
	}
	if full, err = s.name(ctx, env, dir); err != nil {
		return nil, "", err
	}
	out.Full, out.Name = full, full[strings.LastIndex(full, "/")+1:]
	if out.Name == "" || strings.ContainsAny(full, "\\\x00") || strings.HasPrefix(full, "-") {
		return nil, "", fmt.Errorf("-stack %s: want the name of a stack", full)
	}
	if at := child(root, "stackConfigDir"); at != nil {
		dir = filepath.Join(dir, at.Value)
	}
	out.File = filepath.Join(dir, "Pulumi."+out.Name+filepath.Ext(file))
	values, err := readMapping(out.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", err
	}
	out.config = child(values, "config")
	return out, full, nil
}

func (s *Source) name(ctx context.Context, env *command.Env, dir string) (string, error) {
	if s.Name != "" {
		return s.Name, nil
	}
	if name := env.Getenv("PULUMI_STACK"); name != "" {
		return name, nil
	}
	text, err := env.Program(ctx, dir, "pulumi", "stack", "--show-name", "--non-interactive")
	if err != nil {
		return "", fmt.Errorf("which stack? Give -stack <name> (%w)", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// findProject looks for Pulumi.yaml in a directory and in those above it, as the Pulumi CLI does.
func findProject(from string) (dir, file string, err error) {
	dir, err = filepath.Abs(from)
	if err != nil {
		return "", "", err
	}
	for {
		for _, name := range []string{"Pulumi.yaml", "Pulumi.yml"} {
			if file = filepath.Join(dir, name); exists(file) {
				return dir, file, nil
			}
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", "", fmt.Errorf("-C %s: there is no Pulumi.yaml there or above", from)
		}
		dir = above
	}
}

func exists(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

// readMapping is a YAML file's top level; an empty file has none.
func readMapping(file string) (*yaml.Node, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: want a YAML mapping", file)
	}
	return document.Content[0], nil
}
