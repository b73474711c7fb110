// Command release builds what a release of the client consists of: an archive for each system, a list of what each program is made of
// (CycloneDX), checksums, and the notes from CHANGELOG.md. The same commit gives the same bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// target is a system that the client is built for, by Go's names.
type target struct{ system, architecture string }

// targets are those that make cross compiles too.
var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// release is one run.
type release struct {
	root string // the repository
	out  string // where the files go; what is there is removed
	sbom string // the program cyclonedx-gomod
	tag  string // v1.2.3; empty: v and the version that the services say
}

func main() {
	r := release{root: "."}
	flag.StringVar(&r.out, "out", "dist", "`directory` of the files; what is there is removed")
	flag.StringVar(&r.sbom, "sbom", "", "the `program` cyclonedx-gomod")
	flag.StringVar(&r.tag, "tag", "", "`tag` that the version must have, such as v1.2.3; without one, it is not checked")
	flag.Parse()
	if err := r.run(context.Background(), targets); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run builds the release for the given systems.
func (r release) run(ctx context.Context, systems []target) error {
	version, notes, err := r.read()
	if err != nil {
		return err
	}
	commit, at, err := r.commit(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := r.command(ctx, nil, "go", "-C", "services", "run", "./cmd/agent", "man", filepath.Join(work, "man1")); err != nil {
		return err
	}
	for _, t := range systems {
		if err := r.build(ctx, t, version, commit, work, at); err != nil {
			return fmt.Errorf("building for %s/%s: %w", t.system, t.architecture, err)
		}
	}
	if err := checksums(r.out); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "notes.md"), []byte(notes), 0o644)
}

// build compiles the client for one system, and writes its archive and the list of its modules.
func (r release) build(ctx context.Context, t target, version, commit, work string, at time.Time) error {
	program := "agent"
	if t.system == "windows" {
		program += ".exe"
	}
	name := strings.Join([]string{"agent", version, t.system, t.architecture}, "_")
	binary := filepath.Join(work, name, program)
	env := []string{"CGO_ENABLED=0", "GOOS=" + t.system, "GOARCH=" + t.architecture}
	if err := r.command(ctx, env, "go", "-C", "services", "build", "-trimpath", "-buildvcs=false", "-o", binary, "-ldflags",
		"-s -w -buildid= -X scalable-backend/services/internal/build.sources="+commit, "./cmd/agent"); err != nil {
		return err
	}
	// It takes the system from the environment, not from the program.
	if err := r.command(ctx, env, r.sbom, "bin", "-json", "-noserial", "-notimestamp", "-version", "v"+version, "-output",
		filepath.Join(r.out, name+".cdx.json"), binary); err != nil {
		return err
	}
	files := []file{{program, binary, 0o755}, {"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644}}
	if t.system == "windows" {
		return writeZip(filepath.Join(r.out, name+".zip"), files, at)
	}
	pages, err := filepath.Glob(filepath.Join(work, "man1", "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		files = append(files, file{"man1/" + filepath.Base(page), page, 0o644})
	}
	return writeTar(filepath.Join(r.out, name+".tar.gz"), files, at)
}

// commit returns the commit as a version says it, and when it was made.
func (r release) commit(ctx context.Context) (name string, at time.Time, err error) {
	git := func(args ...string) (string, error) {
		command := exec.CommandContext(ctx, "git", args...)
		command.Dir = r.root
		out, err := command.Output()
		return strings.TrimSpace(string(out)), err
	}
	if name, err = git("rev-parse", "--short=12", "HEAD"); err != nil {
		return "", at, fmt.Errorf("the release is built from a commit: git rev-parse HEAD: %w", err)
	}
	made, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return "", at, fmt.Errorf("git log: %w", err)
	}
	seconds, err := strconv.ParseInt(made, 10, 64)
	if err != nil {
		return "", at, fmt.Errorf("the commit's time: %w", err)
	}
	changes, err := git("status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", at, fmt.Errorf("git status: %w", err)
	}
	if changes != "" {
		name += "-modified"
	}
	return name, time.Unix(seconds, 0).UTC(), nil
}

// command runs a program in the repository.
func (r release) command(ctx context.Context, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = r.root, append(os.Environ(), env...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append([]string{filepath.Base(name)}, args...), " "), err)
	}
	return nil
}
