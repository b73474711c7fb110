package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// buildRow is one command that works on the program that deploys the system.
type buildRow struct {
	Title string
	sample
}

// builds measures the program and its tools, beside a main that does nothing but import what the program imports from elsewhere. Cold is
// with an empty build cache of its own; the modules are there. To try the commands, own is false: then the cache is the user's.
func (r *rig) builds(ctx context.Context, root string, own bool) (rows []buildRow, err error) {
	work := filepath.Join(r.disk, "builds")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	bare := filepath.Join(work, "bare.go")
	if err := writeBare(ctx, root, bare); err != nil {
		return nil, err
	}
	env := []string{"ROOT=" + root, "BARE=" + bare, "OUT=" + filepath.Join(work, "out"), "GOFLAGS="}
	for _, c := range []struct{ title, cache, shell string }{
		{"the program, cold", "program", `cd "$ROOT" && go build -o "$OUT" .`},
		{"the program, warm: linked again", "program", `cd "$ROOT" && go build -ldflags=-X=main.changed=1 -o "$OUT" .`},
		{"a bare main with the same imports, cold", "bare", `cd "$ROOT" && go build -o "$OUT" "$BARE"`},
		{"a bare main with the same imports, warm: linked again", "bare", `cd "$ROOT" && go build -ldflags=-X=main.changed=1 -o "$OUT" "$BARE"`},
		{"cmd/plan, built after the program", "program", `cd "$ROOT" && go build -o "$OUT-plan" ./cmd/plan`},
		{"cmd/plan -stack prod", "program", `cd "$ROOT" && "$OUT-plan" -stack prod > /dev/null`},
		{"make test-infra, built after the program", "program", `cd "$ROOT" && make -s test-infra > /dev/null`},
		{"make test-infra, warm, with every test run", "program", `cd "$ROOT" && GOFLAGS=-count=1 make -s test-infra > /dev/null`},
	} {
		p := peer{Name: c.title, Ours: true, Shell: c.shell, Env: env}
		if own {
			p.Env = append(slices.Clip(env), "GOCACHE="+filepath.Join(work, c.cache))
		}
		s, err := once(ctx, work, p)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", c.title, err)
		}
		rows = append(rows, buildRow{c.title, s})
	}
	return rows, os.RemoveAll(work)
}

// writeBare writes a main that imports all packages of other modules that the program's own packages import.
func writeBare(ctx context.Context, root, path string) error {
	// The packages that are no part of Go itself, with those that each of them imports.
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f",
		`{{if and (not .Standard) .Module}}{{if .Module.Main}}{{range .Imports}}{{println .}}{{end}}{{end}}{{end}}`, ".")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing the program's imports: %w", err)
	}
	imports := foreign(strings.Fields(string(out)))
	if len(imports) == 0 {
		return errors.New("the program imports nothing from other modules")
	}
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n")
	for _, name := range imports {
		fmt.Fprintf(&b, "\t_ %q\n", name)
	}
	b.WriteString(")\n\nfunc main() {}\n")
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// foreign are the packages that belong to other modules: their first element has a dot, as a host does.
func foreign(imports []string) (names []string) {
	for _, name := range imports {
		if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// secondsText is for times of builds.
func secondsText(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
