package environ_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	agent "scalable-backend/services/agent/config"
	backend "scalable-backend/services/backend/config"
	"scalable-backend/services/internal/environ"
)

var update = flag.Bool("update", false, "write docs/variables.md")

const page = "../../../docs/variables.md"

// TestVariables fails when the page is not what comments and tags of the two configurations say.
func TestVariables(t *testing.T) {
	t.Parallel()
	want := `# The variables of backend and agent

Each program reads its settings from its environment and reports all that is wrong with them at once. A duration is a number with a
unit: 500ms, 60s, 24h. A variable that has a default may be left out, and is refused when it is set to nothing. The backend refuses
each other variable that begins with ` + "`BACKEND_`" + `, the agent those that look like a misspelt one of its own.

AWS's SDK reads variables of its own beside them, credentials above all, and the agent ` + "`HTTPS_PROXY` and `NO_PROXY`" + `. What the
infrastructure sets is in [bring-your-own.md](bring-your-own.md).

This page is written by ` + "`make golden`" + ` from the comments and tags in ` +
		"`services/backend/config/config.go` and `services/agent/config/config.go`" + `.

## Backend

| Variable | Default | Limits | What it is |
|---|---|---|---|
`
	comments := commentsOf(t, "../../backend/config/config.go")
	for _, f := range environ.Fields[backend.Config]() {
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.Variable, defaultOf(f), f.Limits, meaning(t, f.Name, comments[f.Name]))
	}
	want += "\n## Agent\n\n`run` is the agent itself; the commands are those that a person runs, from `upload` to `tokens`.\n\n" +
		"| Variable | Default | Limits | Read by | What it is |\n|---|---|---|---|---|\n"
	comments = commentsOf(t, "../../agent/config/config.go")
	for _, f := range environ.Fields[agent.Config]() {
		reader := "`run`"
		if f.Client {
			reader = "all"
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", f.Variable, defaultOf(f), f.Limits, reader, meaning(t, f.Name, comments[f.Name]))
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: make golden")
}

func defaultOf(f environ.Field) string {
	switch {
	case f.Required:
		return "required"
	case f.Default == "":
		return ""
	}
	return "`" + f.Default + "`"
}

// commentsOf reads the comments of the fields of Config.
func commentsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	require.NoError(t, err)
	comments := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			require.Len(t, field.Names, 1)
			comments[field.Names[0].Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
		}
		return false
	})
	return comments
}

var variable = regexp.MustCompile(`\b(BACKEND|AGENT|AWS|OTEL)_[A-Z0-9_]+(=\w+)?|X-Gateway-Caller|\*\.suffix|\w+://\S+[\w]`)

// meaning makes a cell of a comment: without the field's name, and with code as code.
func meaning(t *testing.T, name, comment string) string {
	t.Helper()
	text, ok := strings.CutPrefix(comment, name+" is ")
	require.True(t, ok, "the comment of %s: want %q at its beginning, got %q", name, name+" is ", comment)
	text = variable.ReplaceAllString(strings.ToUpper(text[:1])+text[1:], "`$0`")
	return strings.ReplaceAll(text, "|", `\|`)
}

// A field's limits are checked at its ends, whatever the kind of its numbers.
func TestLimits(t *testing.T) {
	t.Parallel()
	type config struct {
		Count int     `env:"X_COUNT" envDefault:"3" limits:"1 to 16"`
		Ratio float64 `env:"X_RATIO" envDefault:"0.5" limits:"0 to 1"`
		Name  string  `env:"X_NAME" required:"true"`
	}
	parse := func(key, value string) error {
		values := map[string]string{"X_NAME": "n", key: value}
		_, err := environ.Parse("program", "X_", values, func(*config, *environ.Check) {})
		return err
	}
	for key, values := range map[string][]string{"X_COUNT": {"1", "16"}, "X_RATIO": {"0", "1"}} {
		for _, value := range values {
			require.NoError(t, parse(key, value), key)
		}
	}
	require.ErrorContains(t, parse("X_COUNT", "0"), "X_COUNT: want 1 to 16, got 0")
	require.ErrorContains(t, parse("X_COUNT", "17"), "X_COUNT: want 1 to 16, got 17")
	require.ErrorContains(t, parse("X_RATIO", "NaN"), "X_RATIO: want 0 to 1, got NaN")
	require.ErrorContains(t, parse("X_NAME", ""), "X_NAME: required")
	require.ErrorContains(t, parse("X_COUNT", "many"), "has 1 problem(s)", "what does not parse is reported once")
}
