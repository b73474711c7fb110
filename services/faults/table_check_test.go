package faults

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/faults.md")

const page = "../../docs/faults.md"

// TestTable fails when the table names a test or a case that is not there, when a test of this package is missing from it, and
// when the page is not the table's.
func TestTable(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]bool{} // package → functions, with the texts in them
	named := map[string]bool{}
	for _, g := range table {
		for _, f := range g.faults {
			require.NotEmpty(t, f.tests, f.what)
			for _, name := range f.tests {
				dir, function, _ := strings.Cut(name, ".")
				if tests[dir] == nil {
					tests[dir] = testsOf(t, filepath.Join("..", dir))
				}
				require.True(t, tests[dir][function], "%s: %s: no such test", g.name, name)
				named[name] = true
				named[strings.Split(name, "/")[0]] = true
			}
		}
	}
	for own := range tests["faults"] {
		if !strings.Contains(own, "/") && own != "TestTable" && own != "TestMain" {
			require.True(t, named[proc+own], "%s stands in no line of the table", own)
		}
	}
	want := render()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go test ./faults -run TestTable -update")
}

// testsOf returns the test functions of a directory, and each of them with every text in it after a slash.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	files, err := fs.Glob(os.DirFS(dir), "*_test.go")
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			found[f.Name.Name] = true
			ast.Inspect(f, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					s, _ := strconv.Unquote(text.Value)
					found[f.Name.Name+"/"+s] = true
				}
				return true
			})
		}
	}
	return found
}

// render writes the table as Markdown.
func render() string {
	var b strings.Builder
	b.WriteString("# Faults that the services survive\n\n" +
		"Each line is shown by the tests next to it, in `services/`; `make test-services` runs all of them with the race detector.\n" +
		"This page is written by `go test ./faults -run TestTable -update` in `services/`, from `services/faults/table_test.go`.\n")
	for _, g := range table {
		fmt.Fprintf(&b, "\n## %s\n\n| What goes wrong | Shown by |\n|---|---|\n", g.name)
		for _, f := range g.faults {
			fmt.Fprintf(&b, "| %s | `%s` |\n", f.what, strings.Join(f.tests, "`<br>`"))
		}
	}
	return b.String()
}
