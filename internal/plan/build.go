package plan

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/fsutil"

	"scalable-backend/internal/plan/shape"
)

// built remembers the directories whose program this process has built.
var built sync.Map // directory to *buildOnce

type buildOnce struct {
	sync.Mutex
	done bool
}

// build compiles the program in dir, once per process, and returns a path to it that no other build changes; done removes
// it. The result stays in the module's .cache, where an unchanged program is not linked again.
func build(ctx context.Context, dir string) (program string, done func(), err error) {
	cache, err := cacheDir(dir)
	if err != nil {
		return "", nil, err
	}
	value, _ := built.LoadOrStore(dir, &buildOnce{})
	once := value.(*buildOnce)
	once.Lock()
	defer once.Unlock()
	// Other processes build into the same place.
	lock := fsutil.NewFileMutex(filepath.Join(cache, "lock"))
	if err := lock.Lock(); err != nil {
		return "", nil, fmt.Errorf("locking the build cache: %w", err)
	}
	defer lock.Unlock() //nolint:errcheck // nothing is left to undo

	target := filepath.Join(cache, "program")
	if _, err := os.Stat(target); err != nil || !once.done {
		if err := compile(ctx, dir, target); err != nil {
			return "", nil, err
		}
		if testing.Testing() {
			if err := watch(ctx, dir); err != nil {
				return "", nil, err
			}
		}
		once.done = true
	}
	removeLeftovers(cache)
	// Beside the program, where a link costs nothing.
	private, err := os.MkdirTemp(cache, "run-")
	if err != nil {
		return "", nil, fmt.Errorf("making room for the program: %w", err)
	}
	program = filepath.Join(private, "program")
	if err := linkOrCopy(target, program); err != nil {
		os.RemoveAll(private) //nolint:errcheck // the copy's error is the one to report
		return "", nil, fmt.Errorf("copying the program: %w", err)
	}
	return program, func() { os.RemoveAll(private) }, nil //nolint:errcheck // a temporary directory
}

func compile(ctx context.Context, dir, target string) error {
	var output bytes.Buffer
	command := exec.CommandContext(ctx, "go", "build", "-o", target, ".")
	command.Dir, command.Stdout, command.Stderr = dir, &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, strings.TrimSpace(output.String()))
	}
	return nil
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

// cacheDir is the place of the built program of one directory: below its module, where git ignores it.
func cacheDir(dir string) (string, error) {
	root := dir
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("%s is in no Go module: there is no program to build", dir)
		}
		root = filepath.Dir(root)
	}
	cache := filepath.Join(root, ".cache", "plan-"+shape.Digits(dir, 16))
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("making the build cache: %w", err)
	}
	return cache, nil
}

// removeLeftovers removes the copies of runs that were killed before they could.
func removeLeftovers(cache string) {
	runs, _ := filepath.Glob(filepath.Join(cache, "run-*")) // the pattern is well formed
	for _, run := range runs {
		if info, err := os.Stat(run); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(run) //nolint:errcheck // the next run tries again
		}
	}
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o700)
}
