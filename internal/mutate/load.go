package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// source is a package of the program, parsed and with its types.
type source struct {
	path  string // of the import
	name  string // the directory, relative to the root
	files []*ast.File
	texts map[*ast.File][]byte
	names map[*ast.File]string // absolute paths
	set   *token.FileSet
	pkg   *types.Package
	info  *types.Info
}

// listed is the output of `go list` for a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Standard, DepOnly       bool
}

// load reads packages with their types. Types of imported packages come from the compiler's export files.
func load(root string, patterns []string) ([]*source, error) {
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Standard,DepOnly"}, patterns...)
	command := exec.Command("go", args...)
	command.Dir, command.Stderr = root, os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	exports := map[string]string{}
	var wanted []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading the list of packages: %w", err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			wanted = append(wanted, p)
		}
	}
	set := token.NewFileSet()
	lookup := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var sources []*source
	for _, p := range wanted {
		s, err := check(root, p, set, lookup)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func check(root string, p listed, set *token.FileSet, imports types.Importer) (*source, error) {
	s := &source{path: p.ImportPath, texts: map[*ast.File][]byte{}, names: map[*ast.File]string{}, set: set}
	var err error
	if s.name, err = filepath.Rel(root, p.Dir); err != nil {
		return nil, err
	}
	for _, name := range p.GoFiles {
		name = filepath.Join(p.Dir, name)
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		s.texts[f], s.names[f] = text, name
	}
	s.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	config := types.Config{Importer: imports}
	s.pkg, err = config.Check(p.ImportPath, set, s.files, s.info)
	return s, err
}
