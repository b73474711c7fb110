package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/agent/download"
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
		Long: `Register files and upload their parts straight to the bucket. A directory is uploaded with everything below it, under its
own name. Uploading the same file again does nothing; an interrupted upload goes on where it was.`,
		Args: atLeast(1, "at least one file or directory"),
		RunE: func(c *cobra.Command, args []string) error { return a.upload(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.name, "name", "", "name in the catalogue, for a single file (default its base name)")
	c.Flags().StringVar(&o.prefix, "prefix", "", "put before each name, with a slash between")
	c.Flags().IntVar(&o.parallel, "parallel", 4, "files at once, 1 to 64")
	return c
}

// source is a local file and its name in the catalogue.
type source struct{ path, name string }

func (a *app) upload(ctx context.Context, paths []string, o uploadOptions) error {
	if o.parallel < 1 || o.parallel > 64 {
		return usagef("--parallel: want 1 to 64, got %d", o.parallel)
	}
	sources, err := gather(paths, o)
	if err != nil {
		return err
	}
	cfg, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	http := download.NewHTTPClient(hosts(cfg), nil)
	defer http.CloseIdleConnections()
	u := &upload.Uploader{
		API: backend, HTTP: http, Hosts: hosts(cfg), Connections: cfg.Connections,
		Cache: upload.Cache{Dir: a.cacheDir(), API: cfg.APIURL},
	}
	p := a.printer()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.parallel)
	for _, s := range sources {
		g.Go(func() error { return uploadOne(ctx, u, s, p) })
	}
	err = g.Wait()
	p.close()
	return err
}

func uploadOne(ctx context.Context, u *upload.Uploader, s source, p *printer) error {
	var hashed, sent atomic.Int64
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	defer p.bar(s.name+" hashing", info.Size(), &hashed)()
	defer p.bar(s.name, info.Size(), &sent)()
	begun := time.Now()
	r, err := u.Upload(ctx, s.path, s.name, &hashed, &sent)
	if err != nil {
		return fmt.Errorf("uploading %s: %w", s.path, err)
	}
	took := time.Since(begun)
	how := fmt.Sprintf("uploaded, %s at %s", size(r.File.Size), rate(r.Sent, took))
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

// gather lists what is to be uploaded, and refuses what has no valid name or the name of another.
func gather(paths []string, o uploadOptions) ([]source, error) {
	var all []source
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		base, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, source{p, filepath.Base(base)})
			continue
		}
		err = filepath.WalkDir(p, func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(p, file)
			all = append(all, source{file, path.Join(filepath.Base(base), filepath.ToSlash(rel))})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if o.name != "" {
		if len(all) != 1 {
			return nil, usagef("--name: want a single file, got %s", plural(len(all), "file"))
		}
		all[0].name = o.name
	}
	seen := map[string]string{}
	for i := range all {
		s := &all[i]
		if o.prefix != "" {
			s.name = strings.TrimSuffix(o.prefix, "/") + "/" + s.name
		}
		if _, err := download.CleanPath(s.name); err != nil {
			return nil, usageError{err}
		}
		if other, ok := seen[s.name]; ok {
			return nil, usagef("%s and %s would both be named %s", other, s.path, s.name)
		}
		seen[s.name] = s.path
	}
	return all, nil
}
