package plan

import (
	"bytes"
	"encoding/json"
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
	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// settings holds what the CLI reads before it starts the program.
type settings struct {
	project  string
	main     string            // the program's directory, relative to the project's
	values   map[string]string // namespace:key to text; objects are JSON text
	secrets  []string          // the keys whose value is, or contains, a secret
	warnings []string
	unseen   *Unseen // nil for a stack without environments
}

// load reads Pulumi.yaml and the stack's file with the CLI's own loaders.
func load(dir string, o Options) (*settings, error) {
	project, err := loadProject(dir, o.Project)
	if err != nil {
		return nil, err
	}
	if o.Stack == "" {
		return nil, errors.New("no stack: name one of " + strings.Join(Stacks(dir), ", "))
	}
	path := o.StackFile
	if path == "" {
		path = filepath.Join(dir, "Pulumi."+o.Stack+".yaml")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		// The CLI treats a missing file as empty, but the plan of a misspelt stack would look like a real one.
		return nil, fmt.Errorf("stack %q has no file %s; the project's stacks are %s",
			o.Stack, filepath.Base(path), strings.Join(Stacks(dir), ", "))
	}
	var warnings bytes.Buffer
	sink := diag.DefaultSink(io.Discard, &warnings, diag.FormatOptions{Color: colors.Never})
	stack, err := workspace.LoadProjectStack(sink, project, path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	unseen, err := seeEnvironments(project, stack, path)
	if err != nil {
		return nil, err
	}
	if err := override(project, stack.Config, o.ConfigOverrides); err != nil {
		return nil, err
	}
	noteMissing(unseen, project, stack.Config)
	if err := mergeDefaults(o.Stack, project, stack.Config); err != nil {
		return nil, explained(err, unseen)
	}
	s := &settings{project: string(project.Name), main: project.Main, values: map[string]string{}, unseen: unseen}
	if text := strings.TrimSpace(warnings.String()); text != "" {
		s.warnings = []string{text}
	}
	// Secrets cannot be decrypted without the stack's key, so a fixed text replaces them.
	values, err := stack.Config.Decrypt(config.NewBlindingDecrypter())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	for key, value := range values {
		s.values[key.String()] = value
		if stack.Config[key].Secure() {
			s.secrets = append(s.secrets, key.String())
		}
	}
	slices.Sort(s.secrets)
	if unseen != nil {
		s.warnings = append(s.warnings, unseen.String())
	}
	return s, nil
}

// account returns the first account that the stack allows, because the AWS provider would refuse any other.
func (s *settings) account() string {
	var allowed []string
	text := s.values["aws:allowedAccountIds"]
	if json.Unmarshal([]byte(text), &allowed) != nil || len(allowed) == 0 || len(allowed[0]) != 12 {
		return "" // the program reports the problem
	}
	return allowed[0]
}

func loadProject(dir, rename string) (*workspace.Project, error) {
	path := filepath.Join(dir, "Pulumi.yaml")
	project, err := workspace.LoadProject(path)
	if err != nil {
		return nil, fmt.Errorf("reading the project: %w", err)
	}
	if name := project.Runtime.Name(); name != "go" {
		return nil, fmt.Errorf("reading the project: runtime %q: only go programs can be planned", name)
	}
	if rename == "" {
		return project, nil
	}
	// The project's name is the namespace of keys without one, so it is replaced before the file is read.
	var document map[string]any
	if err := encoding.YAML.Unmarshal(project.RawValue(), &document); err != nil {
		return nil, fmt.Errorf("renaming the project: %w", err)
	}
	document["name"] = rename
	text, err := encoding.YAML.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("renaming the project: %w", err)
	}
	return workspace.LoadProjectBytes(text, path, encoding.YAML)
}

// Stacks lists the stacks that have a file in the project in dir. Pulumi.<stack>.local.yaml is not a stack's: see Unseen.
func Stacks(dir string) []string {
	entries, _ := os.ReadDir(dir) // none in a directory that is not there; no pattern: its name may hold any character
	var names []string
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), "Pulumi.")
		name, yaml := strings.CutSuffix(name, ".yaml")
		if ok && yaml && name != "" && name != "local" && !strings.HasSuffix(name, ".local") {
			names = append(names, name)
		}
	}
	return names
}

func parseKey(project *workspace.Project, name string) (config.Key, error) {
	if strings.Contains(name, ":") {
		return config.ParseKey(name)
	}
	return config.MustMakeKey(string(project.Name), name), nil
}

// mergeDefaults checks the stack's values against the schema in Pulumi.yaml and adds the defaults of keys that the stack leaves
// out, as the CLI does. Its messages are like the CLI's, but one error contains all problems.
func mergeDefaults(stack string, project *workspace.Project, values config.Map) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(project.Config)) {
		schema := project.Config[name]
		key, err := parseKey(project, name)
		if err != nil {
			return fmt.Errorf("reading the project: config key %s: %w", name, err)
		}
		value, found, err := values.Get(key, true)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("stack %q: configuration key %s: %w", stack, name, err))
		case found:
			if err := checkValue(schema, value); err != nil {
				problems = append(problems, fmt.Errorf("stack %q: configuration key %s %w", stack, name, err))
			}
		case schema.Default != nil:
			problems = append(problems, setDefault(values, key, schema.Default))
		case schema.Value != nil:
			problems = append(problems, setDefault(values, key, schema.Value))
		case key.Namespace() == string(project.Name):
			problems = append(problems, fmt.Errorf("stack %q is missing the configuration value %s", stack, name))
		}
	}
	return errors.Join(problems...)
}

func checkValue(schema workspace.ProjectConfigType, value config.Value) error {
	if !schema.IsExplicitlyTyped() {
		return nil
	}
	if schema.Secret && !value.Secure() {
		return errors.New("must be encrypted: the project says it is secret")
	}
	content := any(nil)
	text, err := value.Value(config.NewBlindingDecrypter())
	if err != nil {
		return err
	}
	content = text
	if value.Object() {
		if err := json.Unmarshal([]byte(text), &content); err != nil {
			return err
		}
	}
	if !workspace.ValidateConfigValue(schema.TypeName(), schema.Items, content) {
		return fmt.Errorf("must be of type %s", workspace.InferFullTypeName(schema.TypeName(), schema.Items))
	}
	return nil
}

func setDefault(values config.Map, key config.Key, value any) error {
	switch value.(type) {
	case string, int, bool:
		return values.Set(key, config.NewValue(fmt.Sprint(value)), true)
	}
	simple, err := workspace.SimplifyMarshalledValue(value)
	if err != nil {
		return fmt.Errorf("default of %s: %w", key, err)
	}
	text, err := json.Marshal(simple)
	if err != nil {
		return fmt.Errorf("default of %s: %w", key, err)
	}
	return values.Set(key, config.NewObjectValue(string(text)), true)
}
