package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

func (a *app) verifyCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "verify <path>...",
		Short: "Check local files against the catalogue",
		Long: `Check local files against the catalogue's sizes and SHA-256 digests, and exit 5 unless every one is right.

A file is looked up by its name: the path as given if it is relative, its base name otherwise; below a directory, the path
from there. If no entry of that name has the file's bytes, the whole catalogue is searched for them. The verdicts:
  ok        the catalogue has these bytes, under this name or, as said then, another
  mismatch  the catalogue has the name, but with other bytes
  unknown   the catalogue has neither`,
		Args: atLeast(1, "at least one file or directory"),
		RunE: func(c *cobra.Command, args []string) error { return a.verify(c.Context(), args, file) },
	}
	c.Flags().StringVar(&file, "file", "", "compare with this file of the catalogue, by id or name, and no other")
	return c
}

// verdict is a result of verify.
type verdict struct {
	Path   string `json:"path"`
	Status string `json:"status"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"` // in the catalogue
}

func (a *app) verify(ctx context.Context, paths []string, file string) error {
	sources, err := toVerify(paths)
	if err != nil {
		return err
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	v := &verifier{api: backend}
	if file != "" {
		only, err := find(ctx, backend, file)
		if err != nil {
			return err
		}
		v.only = &only
	}
	p := a.printer()
	defer p.close()
	wrong := 0
	for _, s := range sources {
		d, err := v.judge(ctx, s)
		if err != nil {
			return fmt.Errorf("verifying %s: %w", s.path, err)
		}
		if d.Status != "ok" {
			wrong++
		}
		note := ""
		if d.Name != "" && d.Name != s.name {
			note = " (" + d.Name + ")"
		}
		p.result(d, "%-8s  %s%s", d.Status, d.Path, note)
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %d of %s", errMismatch, wrong, plural(len(sources), "file"))
	}
	return nil
}

// toVerify lists the files and the names under which the catalogue should have them.
func toVerify(paths []string) ([]source, error) {
	var all []source
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			name := path.Clean(filepath.ToSlash(p))
			if filepath.IsAbs(p) || strings.HasPrefix(name, "../") {
				name = path.Base(name)
			}
			all = append(all, source{p, name})
			continue
		}
		err = filepath.WalkDir(p, func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == download.PartialDir {
				return filepath.SkipDir
			}
			if !d.Type().IsRegular() {
				return nil
			}
			rel, err := filepath.Rel(p, file)
			all = append(all, source{file, filepath.ToSlash(rel)})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

type verifier struct {
	api   *client.API
	only  *api.File
	bySum map[string]api.File // of the whole catalogue, once it was needed
}

func (v *verifier) judge(ctx context.Context, s source) (verdict, error) {
	d := verdict{Path: s.path, Status: "unknown"}
	var err error
	if d.SHA256, d.Size, err = sum(ctx, s.path); err != nil {
		return d, err
	}
	same := func(f api.File) bool { return f.Sha256 == d.SHA256 && f.Size == d.Size }
	take := func(f api.File, status string) { d.Status, d.ID, d.Name = status, f.Id, f.Name }
	if v.only != nil {
		take(*v.only, "mismatch")
		if same(*v.only) {
			d.Status = "ok"
		}
		return d, nil
	}
	names := []string{s.name}
	if base := path.Base(s.name); base != s.name {
		names = append(names, base)
	}
	for _, name := range names {
		for f, err := range v.api.Files(ctx, client.FileFilter{Name: name, State: api.FileStateReady}) {
			if err != nil {
				return d, err
			}
			if same(f) {
				take(f, "ok")
				return d, nil
			}
			if d.Status == "unknown" {
				take(f, "mismatch")
			}
		}
	}
	if err := v.load(ctx); err != nil {
		return d, err
	}
	if f, ok := v.bySum[d.SHA256]; ok && same(f) {
		take(f, "ok")
	}
	return d, nil
}

func (v *verifier) load(ctx context.Context) error {
	if v.bySum != nil {
		return nil
	}
	all := map[string]api.File{}
	for f, err := range v.api.Files(ctx, client.FileFilter{State: api.FileStateReady}) {
		if err != nil {
			return err
		}
		all[f.Sha256] = f
	}
	v.bySum = all
	return nil
}

func sum(ctx context.Context, name string) (string, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	var n int64
	for buf := make([]byte, 1<<20); ; {
		if ctx.Err() != nil {
			return "", 0, context.Cause(ctx)
		}
		k, err := f.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}
