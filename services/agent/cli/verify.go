package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/local"
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
  unknown   the catalogue has neither
- is standard input, which has no name: it is looked up by its bytes.`,
		Args: atLeast(1, "at least one file or directory"),
		RunE: func(c *cobra.Command, args []string) error { return a.verify(c.Context(), args, file) },
	}
	c.Flags().StringVar(&file, "file", "", "compare with this file of the catalogue, by id or name, and no other")
	a.completeFileFlags(c, "file")
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
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	v := &verifier{api: backend, in: a.in}
	if file != "" {
		only, err := (&chooser{api: backend}).one(ctx, file)
		if err != nil {
			return err
		}
		v.only = &only
	}
	b := newBatch(ctx, 1)
	p := a.printer()
	defer p.close()
	for _, s := range toVerify(paths, b, p) {
		b.do(s.path, func(ctx context.Context) error {
			d, err := v.judge(ctx, s)
			if err != nil {
				return err
			}
			note := ""
			if d.Name != "" && d.Name != s.name {
				note = " (" + d.Name + ")"
			}
			p.result(d, "%-8s  %s%s", d.Status, d.Path, note)
			switch d.Status {
			case "mismatch":
				return fmt.Errorf("%w: the catalogue has other bytes", errMismatch)
			case "unknown":
				return fmt.Errorf("%w: the catalogue has neither the name nor the bytes", errMismatch)
			}
			return nil
		})
	}
	return b.wait()
}

// toVerify lists the files and the names under which the catalogue should have them.
func toVerify(paths []string, b *batch, p *printer) []source {
	var all []source
	for _, at := range paths {
		if at == stdin {
			all = append(all, source{path: stdin})
			continue
		}
		found, err := local.Files(at, download.PartialDir)
		if err != nil {
			b.failed(at, err)
			continue
		}
		for _, f := range found.Failed {
			b.failed(f.Path, f.Err)
		}
		p.skipped(slices.DeleteFunc(found.Skipped, func(s local.Skipped) bool { return filepath.Base(s.Path) == download.PartialDir }))
		if len(found.Files)+len(found.Failed) == 0 {
			b.failed(at, errors.New("0 files: no regular file is below this directory"))
		}
		for _, file := range found.Files {
			name, err := verifiedName(at, file, found.Dir)
			if err != nil {
				b.failed(file, err)
				continue
			}
			all = append(all, source{path: file, name: name})
		}
	}
	return all
}

func verifiedName(at, file string, dir bool) (string, error) {
	name := path.Clean(filepath.ToSlash(file))
	switch {
	case !utf8.ValidString(name):
		return "", fmt.Errorf("%q is not valid UTF-8, and so no name in the catalogue", name)
	case dir:
		rel, err := filepath.Rel(at, file)
		return filepath.ToSlash(rel), err
	case filepath.IsAbs(file) || strings.HasPrefix(name, "../"):
		return path.Base(name), nil
	}
	return name, nil
}

type verifier struct {
	api   *client.API
	in    io.Reader // standard input
	only  *api.File
	bySum map[string]api.File // of the whole catalogue, once it was needed
}

func (v *verifier) judge(ctx context.Context, s source) (verdict, error) {
	d := verdict{Path: s.path, Status: "unknown"}
	var err error
	if d.SHA256, d.Size, err = v.sum(ctx, s.path); err != nil {
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
	var names []string
	if s.name != "" {
		names = append(names, s.name)
	}
	if base := path.Base(s.name); base != s.name && s.name != "" {
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

func (v *verifier) sum(ctx context.Context, name string) (string, int64, error) {
	if name == stdin {
		return sum(ctx, v.in)
	}
	f, err := local.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	return sum(ctx, f)
}

func sum(ctx context.Context, f io.Reader) (string, int64, error) {
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
