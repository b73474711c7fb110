package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"scalable-backend/internal/graph"
)

// Unseen is what a plan does not know of a stack with environments.
type Unseen = graph.Unseen

// UnseenError is a failure of a plan that values may have caused which it cannot see.
type UnseenError struct {
	Unseen *Unseen
	Err    error
}

func (e *UnseenError) Error() string { return e.Err.Error() + "\n" + e.Unseen.String() }
func (e *UnseenError) Unwrap() error { return e.Err }

// explained adds to a plan's error what the plan does not know.
func explained(err error, u *Unseen) error {
	if u == nil || err == nil {
		return err
	}
	return &UnseenError{u, err}
}

// seeEnvironments stands in for the environments of a stack: it takes values from the local file, as the CLI takes them from the
// environments (what the stack's file sets wins, within objects, too), and says what is left. nil for a stack without environments.
func seeEnvironments(project *workspace.Project, stack *workspace.ProjectStack, path string) (*Unseen, error) {
	names, err := environmentNames(stack.Environment)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	local := strings.TrimSuffix(path, ".yaml") + ".local.yaml"
	u := &Unseen{File: filepath.Base(path), Local: filepath.Base(local), Environments: names}
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	values, err := workspace.LoadProjectStack(sink, project, local)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", u.Local, err)
	}
	if stack.Config == nil {
		stack.Config = config.Map{}
	}
	for key, value := range values.Config {
		if own, ok := stack.Config[key]; ok {
			if value, err = own.Merge(value); err != nil {
				return nil, fmt.Errorf("reading %s: %s: %w", u.Local, key, err)
			}
		}
		stack.Config[key] = value
	}
	return u, nil
}

// definedHere stands for an environment that a stack's file defines itself.
const definedHere = "(defined here)"

// environmentNames are those of a stack, which names some in a list, or defines one that may import others. An empty list is none.
func environmentNames(e *workspace.Environment) ([]string, error) {
	if strings.TrimSpace(string(e.Definition())) == "" {
		return nil, nil
	}
	names := e.Imports()
	if _, err := e.DefinitionNode(); err == nil {
		// Imports calls the definition itself "yaml", and names nothing at all of a faulty one.
		return append(slices.DeleteFunc(names, func(name string) bool { return name == "yaml" }), definedHere), nil
	}
	if len(names) == 0 {
		return nil, errors.New("environment: want a list of environments, such as [team/shared], or the definition of one")
	}
	return names, nil
}

// noteMissing notes which keys have no value, before they get their defaults.
func noteMissing(u *Unseen, project *workspace.Project, values config.Map) {
	if u == nil {
		return
	}
	for _, name := range append([]string{"aws:region"}, slices.Sorted(maps.Keys(project.Config))...) {
		key, err := parseKey(project, name)
		if _, ok := values[key]; err == nil && !ok {
			u.Keys = append(u.Keys, name)
		}
	}
}
