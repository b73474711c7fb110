package rules

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed waivers.yaml
var waiversText []byte

// The stacks in waivers: the shipped ones, and generated configurations, which use options that no shipped stack uses.
const (
	Dev       = "dev"
	Prod      = "prod"
	Generated = "generated"
)

// Waiver is an exception: findings of one rule in some stacks, on resources whose name, or name#part, matches a pattern.
type Waiver struct {
	Rule     string   `yaml:"rule"`
	Resource string   `yaml:"resource"`
	Stacks   []string `yaml:"stacks"`
	Reason   string   `yaml:"reason"`
}

func (v Waiver) covers(f Finding, stack string) bool {
	ok, _ := path.Match(v.Resource, f.Subject()) // patterns are checked when they are read
	return ok && v.Rule == f.Rule && slices.Contains(v.Stacks, stack)
}

// Waivers returns the waivers of waivers.yaml, which is read once. Callers must not change them.
var Waivers = sync.OnceValues(func() ([]Waiver, error) { return readWaivers(waiversText) })

func readWaivers(data []byte) ([]Waiver, error) {
	var waivers []Waiver
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&waivers); err != nil {
		return nil, fmt.Errorf("reading the waivers: %w", err)
	}
	names := map[string]bool{}
	for _, r := range All() {
		names[r.Name] = true
	}
	var errs []error
	for i, v := range waivers {
		add := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("waiver %d (%s, %s): "+format, append([]any{i + 1, v.Rule, v.Resource}, args...)...))
		}
		if !names[v.Rule] {
			add("there is no such rule")
		}
		if _, err := path.Match(v.Resource, ""); err != nil || v.Resource == "" {
			add("resource is not a pattern")
		}
		if len(v.Reason) < 20 {
			add("want a reason")
		}
		if len(v.Stacks) == 0 {
			add("want stacks")
		}
		for _, s := range v.Stacks {
			if !slices.Contains([]string{Dev, Prod, Generated}, s) {
				add("stack %q is none of dev, prod, generated", s)
			}
		}
		for j, other := range waivers[:i] {
			if other.Rule == v.Rule && other.Resource == v.Resource {
				add("duplicate of waiver %d", j+1)
			}
		}
	}
	return waivers, errors.Join(errs...)
}

// Ledger records which waivers are used in which stacks.
type Ledger struct {
	Waivers []Waiver
	used    map[string]map[int]bool // by stack
}

// NewLedger returns a ledger with no waiver used.
func NewLedger(waivers []Waiver) *Ledger { return &Ledger{waivers, map[string]map[int]bool{}} }

// Waived returns the waiver that covers a finding, and records that it was used.
func (l *Ledger) Waived(f Finding, stack string) (Waiver, bool) {
	for i, v := range l.Waivers {
		if v.covers(f, stack) {
			if l.used[stack] == nil {
				l.used[stack] = map[int]bool{}
			}
			l.used[stack][i] = true
			return v, true
		}
	}
	return Waiver{}, false
}

// Unused returns the waivers for a stack that were not used.
func (l *Ledger) Unused(stack string) []Waiver {
	var unused []Waiver
	for i, v := range l.Waivers {
		if slices.Contains(v.Stacks, stack) && !l.used[stack][i] {
			unused = append(unused, v)
		}
	}
	return unused
}
