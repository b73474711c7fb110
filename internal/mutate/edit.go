package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// mutation is one mistake that can be turned on.
type mutation struct {
	Number int
	File   string // relative to the root
	Line   int
	Func   string // its function; "" outside functions
	Change string // the mistake, in words
}

// key identifies a mutant without its line number, which other changes move.
func (m mutation) key() string { return m.File + " " + m.Func + ": " + m.Change }

// editor inserts calls of package mutant around expressions and statements of one file.
type editor struct {
	*source
	file     *ast.File
	function string
	mutants  *[]mutation
	before   map[int][]string // texts by offset, the outermost first
	after    map[int][]string // texts by offset, the innermost first
}

// add records a mutant and returns its number.
func (e *editor) add(at ast.Node, change string) int {
	n := len(*e.mutants) + 1
	position := e.set.Position(at.Pos())
	*e.mutants = append(*e.mutants, mutation{
		Number: n, File: e.name + "/" + position.Filename[strings.LastIndexByte(position.Filename, '/')+1:], Line: position.Line,
		Func: e.function, Change: change,
	})
	return n
}

// wrap inserts texts before and after a node.
func (e *editor) wrap(at ast.Node, before, after string) {
	e.wrapRange(at.Pos(), at.End(), before, after)
}

func (e *editor) wrapRange(start, end token.Pos, before, after string) {
	from, to := e.set.Position(start).Offset, e.set.Position(end).Offset
	e.before[from] = append(e.before[from], before)
	e.after[to] = slices.Insert(e.after[to], 0, after)
}

// text returns a node's source on one line, shortened.
func (e *editor) text(at ast.Node) string {
	whole := strings.Join(strings.Fields(e.code(at)), " ")
	if r := []rune(whole); len(r) > 60 {
		whole = string(r[:57]) + "..."
	}
	return whole
}

func (e *editor) code(at ast.Node) string {
	return string(e.texts[e.file][e.set.Position(at.Pos()).Offset:e.set.Position(at.End()).Offset])
}

// typeName returns a type's name in this file; ok is false if the file cannot name it.
func (e *editor) typeName(t types.Type) (name string, ok bool) {
	ok = true
	name = types.TypeString(t, func(p *types.Package) string {
		if p == e.pkg {
			return ""
		}
		for _, spec := range e.file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path == p.Path() {
				if spec.Name != nil {
					return spec.Name.Name
				}
				return p.Name()
			}
		}
		ok = false
		return p.Name()
	})
	return name, ok
}

// result returns the file's new text, with the same line numbers.
func (e *editor) result() []byte {
	text := e.texts[e.file]
	var out []byte
	header := e.set.Position(e.file.Name.End()).Offset
	for i := 0; i <= len(text); i++ {
		for _, s := range e.after[i] {
			out = append(out, s...)
		}
		if i == header {
			out = append(out, `; import mutant_ "scalable-backend/internal/mutate/mutant"`...)
		}
		for _, s := range e.before[i] {
			out = append(out, s...)
		}
		if i < len(text) {
			out = append(out, text[i])
		}
	}
	return out
}
