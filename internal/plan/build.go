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

// built holds what this process knows of the programs that it has run.
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

// executable lets `go run` compile and link, and say where it has put the result: in Go's build cache, where it stays as it
// is and is found again ("Go 1.24 Release Notes", Go command). Just linked it is elsewhere, and gone; asked again, go finds it.
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
	return "", fmt.Errorf("building the program: go run keeps no executable of %s: want Go 1.24 or later", dir)
}

// watch looks at every source of the program, for the sake of `go test`: it answers from its cache as long as nothing has
// changed that a test has looked at, and does not know what the compiler, another process, reads.
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
		// What is outside the module, `go test` leaves out itself. A directory tells of files that are new.
		if _, err := os.Stat(strings.TrimSpace(path)); err != nil && strings.TrimSpace(path) != "" {
			return fmt.Errorf("looking at the sources of the program: %w", err)
		}
	}
	return nil
}
