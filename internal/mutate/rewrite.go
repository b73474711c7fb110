package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	_ "embed"
)

// String returns a mutant's line of the list.
func (m mutation) String() string {
	if m.Func == "" {
		return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Change)
	}
	return fmt.Sprintf("%s:%d: %s: %s", m.File, m.Line, m.Func, m.Change)
}

// graphTest is a test that is added to the changed program.
//
//go:embed graphs.go.txt
var graphTest []byte

// rewrite writes changed copies of the packages below work, and the overlay file that replaces the originals by them.
func rewrite(root, work string, packages []string) (mutants []mutation, overlay string, err error) {
	var patterns []string
	for _, p := range packages {
		patterns = append(patterns, "./"+p)
	}
	sources, err := load(root, patterns)
	if err != nil {
		return nil, "", err
	}
	replace := map[string]string{}
	write := func(original, name string, text []byte) error {
		replace[original] = filepath.Join(work, name)
		return os.WriteFile(replace[original], text, 0o600)
	}
	for _, s := range sources {
		for _, f := range s.files {
			text := mutate(s, f, &mutants)
			if text == nil {
				continue
			}
			if err := write(s.names[f], s.name+"_"+filepath.Base(s.names[f]), text); err != nil {
				return nil, "", err
			}
		}
	}
	if err := write(filepath.Join(root, proofDir, "mutants_test.go"), "mutants_test.go", graphTest); err != nil {
		return nil, "", err
	}
	encoded, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, "", err
	}
	overlay = filepath.Join(work, "overlay.json")
	return mutants, overlay, os.WriteFile(overlay, encoded, 0o600)
}
