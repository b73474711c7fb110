package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// loadStack reads a stack's file as the CLI does, for a project that may have been renamed.
func loadStack(t *testing.T, projectFile, stack string) (project string, values map[string]string) {
	t.Helper()
	p, err := workspace.LoadProject(projectFile)
	require.NoError(t, err)
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	s, err := workspace.LoadProjectStack(sink, p, "Pulumi."+stack+".yaml")
	require.NoError(t, err)
	require.False(t, s.Config.HasSecureValue())
	decrypted, err := s.Config.Decrypt(config.NopDecrypter)
	require.NoError(t, err)
	values = map[string]string{}
	for key, value := range decrypted {
		values[key.String()] = value
	}
	return string(p.Name), values
}

func committed(t *testing.T, stack string) Config {
	t.Helper()
	project, values := loadStack(t, "Pulumi.yaml", stack)
	c, err := parse(project, stack, values)
	require.NoError(t, err)
	return c
}

func TestCommittedStacks(t *testing.T) {
	dev, prod := committed(t, "dev"), committed(t, "prod")
	require.True(t, dev.Disposable)
	require.False(t, dev.Production)
	require.Empty(t, dev.Placeholders(), "dev deploys as it is")

	require.True(t, prod.Production)
	require.False(t, prod.Disposable)
	require.True(t, prod.HTTPS())
	require.Len(t, prod.Placeholders(), 3)
}

// TestRenamedProject: `pulumi new` gives the project another name, and the keys follow it.
func TestRenamedProject(t *testing.T) {
	text, err := os.ReadFile("Pulumi.yaml")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "Pulumi.yaml")
	require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("name: scalable-backend\n"), []byte("name: uploads\n"), 1), 0o600))

	project, values := loadStack(t, path, "prod")
	require.Equal(t, "uploads", project)
	require.Contains(t, values, "uploads:compute")
	c, err := parse(project, "prod", values)
	require.NoError(t, err)
	want := committed(t, "prod")
	want.Project = "uploads"
	require.Equal(t, want, c)
}

// TestProjectFile: the CLI refuses a stack without a declared key, unless the key has a default, before the program runs.
func TestProjectFile(t *testing.T) {
	p, err := workspace.LoadProject("Pulumi.yaml")
	require.NoError(t, err)
	require.Equal(t, "go", p.Runtime.Name())
	require.NotEmpty(t, *p.Description)
	require.Contains(t, p.Template.Config, regionKey)
	require.Equal(t, *p.Description, p.Template.Description)

	known := tiers(schema(&Config{}))
	require.Len(t, p.Config, len(known))
	for _, tier := range known {
		declared, ok := p.Config[tier]
		require.True(t, ok, "%s is not declared", tier)
		require.Equal(t, "object", declared.TypeName())
		require.NotEmpty(t, declared.Description)
		require.Equal(t, map[string]any{}, declared.Default)
	}
}

// TestConfigurationReference: docs/configuration.md has a row for every key, with its default, both stacks' values and what
// it takes.
func TestConfigurationReference(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "configuration.md"))
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	dev, prod := shown(committed(t, "dev")), shown(committed(t, "prod"))
	var defaults Config
	settings := schema(&defaults)
	require.Len(t, rows, len(settings), "one row a key")
	for i, s := range settings {
		want := "| `" + s.key + "` | " + strings.Join([]string{code(s.show()), code(dev[s.key]), code(prod[s.key]), s.allowed}, " | ") + " | "
		require.Truef(t, strings.HasPrefix(rows[i], want), "row %d: want it to begin with\n%s\ngot\n%s", i+1, want, rows[i])
		require.Greater(t, len(rows[i]), len(want)+10, "%s is not explained", s.key)
	}
}

// shown returns the values of a configuration by key.
func shown(c Config) map[string]string {
	scratch := c
	settings := schema(&scratch) // sets the defaults,
	scratch = c                  // which the values replace
	values := map[string]string{}
	for _, s := range settings {
		values[s.key] = s.show()
	}
	return values
}

func code(value string) string {
	if value == "" {
		value = `""`
	}
	return "`" + value + "`"
}

// TestLoadConfig: in a program, the configuration comes from where the engine puts it.
func TestLoadConfig(t *testing.T) {
	load := func(values map[string]string, secrets ...string) (c Config, err error) {
		for name, value := range map[string]any{pulumi.EnvConfig: values, pulumi.EnvConfigSecretKeys: secrets} {
			encoded, marshalErr := json.Marshal(value)
			require.NoError(t, marshalErr)
			t.Setenv(name, string(encoded))
		}
		runErr := pulumi.RunErr(func(ctx *pulumi.Context) error {
			c, err = loadConfig(ctx)
			return nil
		}, pulumi.WithMocks(testProject, "dev", nothing{}))
		require.NoError(t, runErr)
		return c, err
	}
	c, err := load(raw("compute", `{"maxSize": 7}`))
	require.NoError(t, err)
	require.Equal(t, 7, c.Compute.MaxSize)
	require.Equal(t, testProject, c.Project)

	_, err = load(raw("compute", `{"maxSize": 7}`, "cmpute", `{}`), testProject+":compute")
	require.ErrorContains(t, err, "cmpute = \"{}\": unknown key; did you mean compute?")
	require.ErrorContains(t, err, "compute = (secret)")

	t.Setenv(pulumi.EnvConfig, "{")
	err = pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := loadConfig(ctx)
		return err
	}, pulumi.WithMocks(testProject, "dev", nothing{}))
	require.ErrorContains(t, err, "reading the configuration in PULUMI_CONFIG")

	// A context that was given its values directly.
	t.Setenv(pulumi.EnvConfig, "")
	require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
		c, err = loadConfig(ctx)
		return err
	}, pulumi.WithMocks(testProject, "dev", nothing{}), func(info *pulumi.RunInfo) {
		info.Config = raw("fargate", `{"maxTasks": 9}`)
	}))
	require.Equal(t, 9, c.Fargate.MaxTasks)
}

// nothing is a deployment in which no resource is registered.
type nothing struct{ pulumi.MockResourceMonitor }
