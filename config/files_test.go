package config

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

// loadStack reads the file of a stack as the project ships it, as the CLI does, for a project of any name.
func loadStack(t *testing.T, project, stack string) (values map[string]string) {
	t.Helper()
	p, err := workspace.LoadProject("../Pulumi.yaml")
	require.NoError(t, err)
	p.Name = tokens.PackageName(project)
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	s, err := workspace.LoadProjectStack(sink, p, infratest.StackFile("..", stack))
	require.NoError(t, err)
	require.False(t, s.Config.HasSecureValue())
	decrypted, err := s.Config.Decrypt(config.NopDecrypter)
	require.NoError(t, err)
	values = map[string]string{}
	for key, value := range decrypted {
		values[key.String()] = value
	}
	return values
}

func shipped(t *testing.T, stack string) Config {
	t.Helper()
	c, err := Parse(infratest.Project, stack, loadStack(t, infratest.Project, stack))
	require.NoError(t, err)
	return c
}

// TestStacksAreAsShipped: the tests are about the stacks in testdata. Those in the root are the same until they are somebody's
// own: `pulumi config set` writes the project's name before the keys, and `pulumi stack init` how secrets are encrypted.
func TestStacksAreAsShipped(t *testing.T) {
	for _, stack := range []string{"dev", "prod"} {
		text, err := os.ReadFile("../Pulumi." + stack + ".yaml")
		require.NoError(t, err)
		want, err := os.ReadFile(infratest.StackFile("..", stack))
		require.NoError(t, err)
		if !ownersMark.Match(text) {
			require.Equal(t, string(want), string(text), "%s is not Pulumi.%s.yaml: a change of what is shipped goes into both. "+
				"Where the stack is yours, this test has done its work: remove it.", infratest.StackFile("..", stack), stack)
		}
	}
}

var ownersMark = regexp.MustCompile(
	`(?m)^( +[\w.-]+:(network|database|compute|fargate|images|api|monitoring|stack):|encryptionsalt:|encryptedkey:|secretsprovider:)`)

func TestShippedStacks(t *testing.T) {
	dev, prod := shipped(t, "dev"), shipped(t, "prod")
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
	values := loadStack(t, "uploads", "prod")
	require.Contains(t, values, "uploads:compute")
	c, err := Parse("uploads", "prod", values)
	require.NoError(t, err)
	want := shipped(t, "prod")
	want.Project = "uploads"
	require.Equal(t, want, c)
}

// TestProjectFile: the CLI refuses a stack without a declared key, unless the key has a default, before the program runs.
func TestProjectFile(t *testing.T) {
	p, err := workspace.LoadProject("../Pulumi.yaml")
	require.NoError(t, err)
	require.Equal(t, "go", p.Runtime.Name())
	require.NotEmpty(t, *p.Description)
	if _, made := p.Config["pulumi:tags"]; made { // `pulumi new` leaves its mark and takes the template away
		delete(p.Config, "pulumi:tags")
	} else {
		require.Contains(t, p.Template.Config, regionKey)
		require.Equal(t, *p.Description, p.Template.Description)
	}

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
	text, err := os.ReadFile(filepath.Join("..", "docs", "configuration.md"))
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	dev, prod := shown(shipped(t, "dev")), shown(shipped(t, "prod"))
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
			c, err = Load(ctx)
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
		_, err := Load(ctx)
		return err
	}, pulumi.WithMocks(testProject, "dev", nothing{}))
	require.ErrorContains(t, err, "reading the configuration in PULUMI_CONFIG")

	// A context that was given its values directly.
	t.Setenv(pulumi.EnvConfig, "")
	require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
		c, err = Load(ctx)
		return err
	}, pulumi.WithMocks(testProject, "dev", nothing{}), func(info *pulumi.RunInfo) {
		info.Config = raw("fargate", `{"maxTasks": 9}`)
	}))
	require.Equal(t, 9, c.Fargate.MaxTasks)
}

// nothing is a deployment in which no resource is registered.
type nothing struct{ pulumi.MockResourceMonitor }
