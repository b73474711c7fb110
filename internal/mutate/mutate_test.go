package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/require"
)

const original = `package sample

type T struct { A, B int; C bool }

func f(list ...string) int { return len(list) }

func g(ok bool) (out *T) {
	out = &T{A: 1, B: 2}
	if ok && f("x", "y") > 1 {
		out.C = true
	}
	return out
}
`

// Each kind of change is made and described, and the copy has the original's line numbers.
func TestMutate(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "sample.go", original, 0)
	require.NoError(t, err)
	s := &source{name: "sample", set: set, files: []*ast.File{file}, texts: map[*ast.File][]byte{file: []byte(original)}, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
	}}
	s.pkg, err = (&types.Config{Importer: importer.Default()}).Check("sample", set, s.files, s.info)
	require.NoError(t, err)
	var mutants []mutation
	text := string(mutate(s, file, &mutants))
	var changes []string
	for i, m := range mutants {
		require.Equal(t, i+1, m.Number)
		changes = append(changes, m.String())
	}
	require.Subset(t, changes, []string{
		"sample/sample.go:8: g: leave out A", "sample/sample.go:8: g: swap A and B", "sample/sample.go:8: g: 1 and one more",
		"sample/sample.go:9: g: always: if ok", "sample/sample.go:9: g: never: if ok", `sample/sample.go:9: g: leave out the argument "y"`,
		"sample/sample.go:10: g: leave out the statement out.C = true", "sample/sample.go:10: g: not true",
	})
	_, err = parser.ParseFile(token.NewFileSet(), "copy.go", text, 0)
	require.NoError(t, err, text)
	require.Contains(t, text, "if mutant_.Condition(")
}
