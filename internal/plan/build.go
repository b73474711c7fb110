package plan

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// built caches the executable of each program, so that a process builds it once.
var built sync.Map // directory to *buildOnce

type buildOnce struct {
	sync.Mutex
	program string
}

// build compiles the program in dir, once per process, and returns the path of the executable.
func build(ctx context.Context, dir string) (program string, err error) {
	value, _ := built.LoadOrStore(dir, &buildOnce{})
	once := value.(*buildOnce)
	once.Lock()
	defer once.Unlock()
	if once.program != "" {
		return once.program, nil
	}
	if program, err = executable(ctx, dir); err != nil {
		return "", err
	}
	if testing.Testing() {
		if err := watch(ctx, dir); err != nil {
			return "", err
		}
	}
	once.program = program
	return program, nil
}

// executable builds with `go run` and returns the path of the executable in Go's build cache ("Go 1.24 Release Notes", Go
// command). The run that links prints a temporary path, which is deleted; the next run prints the path in the cache.
func executable(ctx context.Context, dir string) (string, error) {
	for range 2 {
		var path, messages bytes.Buffer
		command := exec.CommandContext(ctx, "go", "run", "-exec=echo", ".")
		command.Dir, command.Stdout, command.Stderr = dir, &path, &messages
		if err := command.Run(); err != nil {
			return "", fmt.Errorf("building the program: %w\n%s", err, strings.TrimSpace(messages.String()))
		}
		program := strings.TrimSpace(path.String())
		if _, err := os.Stat(program); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("building the program: go run caches no executable of %s: want Go 1.24 or later", dir)
}

// watch calls stat for every source file of the program. `go test` caches a result until a file changes that the test process
// itself has opened or stat'ed; files that the compiler reads do not count.
func watch(ctx context.Context, dir string) error {
	const sources = `{{if not .Standard}}{{$dir := .Dir}}{{$dir}}
{{range .GoFiles}}{{$dir}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}
{{end}}{{with .Module}}{{.GoMod}}
{{end}}{{end}}`
	command := exec.CommandContext(ctx, "go", "list", "-deps", "-f", sources, ".")
	command.Dir = dir
	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("listing the sources of the program: %w", err)
	}
	for path := range strings.Lines(string(output)) {
		// `go test` ignores files outside the module. A directory changes when a file is added to it.
		if _, err := os.Stat(strings.TrimSpace(path)); err != nil && strings.TrimSpace(path) != "" {
			return fmt.Errorf("reading the sources of the program: %w", err)
		}
	}
	return nil
}
