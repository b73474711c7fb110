package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/local"
	"scalable-backend/services/agent/upload"
)

type uploadOptions struct {
	name, prefix string
	parallel     int
}

func (a *app) uploadCommand() *cobra.Command {
	var o uploadOptions
	c := &cobra.Command{
		Use:   "upload <path>...",
		Short: "Register files and upload them",
		Long: `Register regular files and upload their parts straight to the bucket. A directory is uploaded with everything below it, under
its own name; symbolic links below it, and what is no regular file, are left out and listed. Uploading the same file again does
nothing; an interrupted upload goes on where it was. A file that changes its size meanwhile is not completed. Modification times,
permissions and the executable bit are not kept.

- uploads standard input, under the name that --name gives. It is written to a temporary file first, because its digests have to be
known before the first byte is sent.`,
		Args: atLeast(1, "at least one file or directory"),
		RunE: func(c *cobra.Command, args []string) error { return a.upload(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.name, "name", "", "name in the catalogue, for a single file (default its base name)")
	c.Flags().StringVar(&o.prefix, "prefix", "", "put before each name, with a slash between")
	c.Flags().IntVar(&o.parallel, "parallel", 4, "files at once, 1 to 64")
	return c
}

// stdin is standard input as an argument.
const stdin = "-"

// source is a local file and its name in the catalogue.
type source struct {
	path, name string
	size       int64
	file       *os.File // what standard input was written to; nil for others
}

func (s source) upload(ctx context.Context, u *upload.Uploader, hashed, sent *atomic.Int64) (upload.Result, error) {
	if s.file != nil {
		return u.UploadFile(ctx, s.file, s.name, hashed, sent)
	}
	return u.Upload(ctx, s.path, s.name, hashed, sent)
}

func (a *app) upload(ctx context.Context, paths []string, o uploadOptions) error {
	if o.parallel < 1 || o.parallel > 64 {
		return usagef("--parallel: want 1 to 64, got %d", o.parallel)
	}
	cfg, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	b := newBatch(ctx, o.parallel)
	sources, skipped, err := a.sources(ctx, paths, o, b)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if s.file != nil {
			defer func() { _ = s.file.Close() }()
		}
	}
	http := download.NewHTTPClient(hosts(cfg), nil)
	defer http.CloseIdleConnections()
	u := &upload.Uploader{
		API: backend, HTTP: http, Hosts: hosts(cfg), Connections: cfg.Connections,
		Cache: upload.Cache{Dir: a.cacheDir(), API: cfg.APIURL},
	}
	p := a.printer()
	p.skipped(skipped)
	sent := make(counters, len(sources))
	endTotal := p.total(len(sources), sizes(sources, func(s source) int64 { return s.size }), sent.sum)
	for i, s := range sources {
		b.do(s.path, func(ctx context.Context) error { return uploadOne(ctx, u, s, p, &sent[i]) })
	}
	err = b.wait()
	endTotal()
	p.close()
	return err
}

func uploadOne(ctx context.Context, u *upload.Uploader, s source, p *printer, sent *atomic.Int64) error {
	var hashed atomic.Int64
	defer p.bar(s.name, s.size, step{"hashing ", hashed.Load}, step{"", sent.Load})()
	begun := time.Now()
	r, err := s.upload(ctx, u, &hashed, sent)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	how := "uploaded, " + size(r.File.Size) + rate(r.Sent, took)
	if r.Existing {
		how = "already there"
	} else if r.Resumed > 0 {
		how += fmt.Sprintf(", %s of it earlier", size(r.Resumed))
	}
	p.result(uploaded{r.File.Id, r.File.Name, r.File.Size, r.File.Sha256, r.Existing, r.Sent, r.Resumed, took.Milliseconds()},
		"%s  %s  %s", r.File.Id, r.File.Name, how)
	return nil
}

// uploaded is a result of upload as JSON.
type uploaded struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Existing bool   `json:"existing"`
	Sent     int64  `json:"sent"`
	Resumed  int64  `json:"resumed"`
	Ms       int64  `json:"ms"`
}

// sources lists what is to be uploaded: files, or standard input.
func (a *app) sources(ctx context.Context, paths []string, o uploadOptions, b *batch) ([]source, []local.Skipped, error) {
	if !slices.Contains(paths, stdin) {
		return gather(paths, o, b)
	}
	if len(paths) > 1 {
		return nil, nil, usagef("- is standard input, and goes with no other file")
	}
	if o.name == "" {
		return nil, nil, usagef("--name: required for standard input")
	}
	s := source{path: stdin, name: prefixed(o.prefix, o.name)}
	if _, err := download.CleanPath(s.name); err != nil {
		return nil, nil, usagef("--name: %w", err)
	}
	file, size, err := spool(ctx, a.in)
	if err != nil {
		return nil, nil, err
	}
	s.file, s.size = file, size
	return []source{s}, nil, nil
}

// spool writes what it reads to a temporary file without a name, which goes away with the process, however that ends.
func spool(ctx context.Context, in io.Reader) (f *os.File, size int64, err error) {
	f, err = os.CreateTemp("", "agent-upload-*")
	if err != nil {
		return nil, 0, err
	}
	err = os.Remove(f.Name())
	if err == nil {
		size, err = io.Copy(f, readerFunc(func(p []byte) (int, error) {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			return in.Read(p)
		}))
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("reading standard input: %w", err)
	}
	return f, size, nil
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// gather lists what is to be uploaded. What cannot be uploaded, because it is not there, is no regular file, has no valid name or
// the name of another file, is a failure of the batch.
func gather(paths []string, o uploadOptions, b *batch) (all []source, skipped []local.Skipped, err error) {
	for _, p := range paths {
		found, err := local.Files(p, download.PartialDir)
		if err != nil {
			b.failed(p, err)
			continue
		}
		for _, f := range found.Failed {
			b.failed(f.Path, f.Err)
		}
		skipped = append(skipped, found.Skipped...)
		if len(found.Files)+len(found.Failed) == 0 {
			b.failed(p, errors.New("0 files: no regular file is below this directory"))
		}
		base, err := filepath.Abs(p)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range found.Files {
			name := filepath.Base(base)
			if found.Dir {
				rel, err := filepath.Rel(p, file)
				if err != nil {
					return nil, nil, err
				}
				name = path.Join(name, filepath.ToSlash(rel))
			}
			all = append(all, source{path: file, name: name})
		}
	}
	if o.name != "" {
		if len(all) != 1 {
			return nil, nil, usagef("--name: want a single file, got %s", plural(len(all), "file"))
		}
		if _, err := download.CleanPath(o.name); err != nil {
			return nil, nil, usagef("--name: %w", err)
		}
		all[0].name = o.name
	}
	return checked(all, o, b), skipped, nil
}

func prefixed(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return strings.TrimSuffix(prefix, "/") + "/" + name
}

// checked returns the sources with their names and sizes, without those whose name is not valid or another's.
func checked(all []source, o uploadOptions, b *batch) []source {
	var good []source
	paths := map[string]string{} // by name
	for _, s := range all {
		s.name = prefixed(o.prefix, s.name)
		info, err := os.Stat(s.path)
		if err == nil {
			s.size = info.Size()
			_, err = download.CleanPath(s.name)
		}
		if other, taken := paths[s.name]; err == nil && taken {
			if other == s.path {
				continue // named twice on the command line
			}
			err = usagef("it would have the name %s, like %s", s.name, other)
		}
		if err != nil {
			b.failed(s.path, err)
			continue
		}
		paths[s.name] = s.path
		good = append(good, s)
	}
	return good
}
