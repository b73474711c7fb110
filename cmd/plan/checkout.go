package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// checkout writes the tree of a git ref into a temporary directory, and returns what is in it at the place of dir, and a function that
// removes it. The repository stays as it is: no branch, work tree or index is touched.
func checkout(ctx context.Context, dir, ref string) (at string, remove func(), err error) {
	if strings.HasPrefix(ref, "-") {
		return "", nil, fmt.Errorf("-base %s: want a git ref such as main", ref)
	}
	commit, err := git(ctx, dir, "rev-parse", "--quiet", "--verify", ref+"^{commit}")
	if err != nil {
		return "", nil, fmt.Errorf("-base %s: there is no such commit in the repository of %s", ref, dir)
	}
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", nil, fmt.Errorf("finding the repository: %w", err)
	}
	prefix, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return "", nil, fmt.Errorf("finding the repository: %w", err)
	}
	temporary, err := os.MkdirTemp("", "plan-base-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(temporary) } //nolint:errcheck // it is in the system's temporary directory
	if err := extract(ctx, strings.TrimSpace(top), strings.TrimSpace(commit), temporary); err != nil {
		remove()
		return "", nil, fmt.Errorf("reading the tree of %s: %w", ref, err)
	}
	return filepath.Join(temporary, strings.TrimSpace(prefix)), remove, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	return string(out), err
}

// extract writes all files of a commit. Names and links of a tree are checked: a repository may hold any.
func extract(ctx context.Context, top, commit, into string) error {
	var messages bytes.Buffer
	command := exec.CommandContext(ctx, "git", "-C", top, "archive", "--format=tar", commit)
	command.Stderr = &messages
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	root, err := os.OpenRoot(into)
	if err == nil {
		err = untar(tar.NewReader(out), root)
		root.Close() //nolint:errcheck // it was only a handle
	}
	_, drained := io.Copy(io.Discard, out)
	if waited := command.Wait(); waited != nil {
		return fmt.Errorf("git archive: %w: %s", waited, strings.TrimSpace(messages.String()))
	}
	return errors.Join(err, drained)
}

// untar keeps below root: os.Root refuses every path that leaves it, through links too.
func untar(archive *tar.Reader, root *os.Root) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(filepath.FromSlash(header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(header.Linkname, name)
		case tar.TypeReg:
			err = write(root, name, archive, header.FileInfo().Mode().Perm()|0o600)
		}
		if err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, from io.Reader, mode os.FileMode) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}
