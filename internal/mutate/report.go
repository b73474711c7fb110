package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// equivalentFile lists mutants that behave like the original, so that no test can notice them.
const equivalentFile = "internal/mutate/equivalent.yaml"

// reason is why no test can notice a mutant.
type reason struct {
	Mutant string `yaml:"mutant"` // its file, function and change
	Reason string `yaml:"reason"`
}

func readEquivalent(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []reason
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	reasons := map[string]string{}
	for _, r := range list {
		if r.Reason == "" {
			return nil, fmt.Errorf("%s: %q has no reason", file, r.Mutant)
		}
		reasons[r.Mutant] = r.Reason
	}
	return reasons, nil
}

func report(w io.Writer, all, left []mutation, noticed map[string]int, equivalent map[string]string, took time.Duration) {
	var open []mutation
	for _, m := range left {
		if _, known := equivalent[m.key()]; !known {
			open = append(open, m)
		}
	}
	fmt.Fprintf(w, "\n%d mutants in %s", len(all), took.Round(time.Second))
	for _, name := range []string{"the golden graphs", ownTests.name, quickTests.name, proofTests.name} {
		fmt.Fprintf(w, ", %s noticed %d", name, noticed[name])
	}
	fmt.Fprintf(w, ", equivalent %d, open %d\n", len(left)-len(open), len(open))
	if len(open) > 0 {
		fmt.Fprintln(w, "\nWrite a test that fails with these, or say in", equivalentFile, "why none can:")
	}
	for _, m := range open {
		fmt.Fprintf(w, "%s\n    make mutate ONLY='%s'\n", m, m.File)
	}
}
