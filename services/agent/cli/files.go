package cli

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	"scalable-backend/services/agent/config"
	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
)

type fetchOptions struct {
	dir      string
	force    bool
	parallel int // 0 counts connections instead
}

func (a *app) fetchCommand() *cobra.Command {
	var o fetchOptions
	c := &cobra.Command{
		Use:   "fetch <file-id|name>...",
		Short: "Download files, verified, without a job",
		Long: `Download files straight from the bucket and verify every byte. Interrupted downloads go on where they were. A file that is
there already with the right bytes is left as it is; another file at its place is replaced with --force alone. Times and
permissions are not kept by the catalogue: files are new, with the permissions of your umask.

` + chooseHelp,
		Args: atLeastFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("parallel") && (o.parallel < 1 || o.parallel > 16) {
				return usagef("--parallel: want 1 to 16, got %d", o.parallel)
			}
			return a.fetch(c.Context(), args, o)
		},
	}
	c.Flags().StringVarP(&o.dir, "output", "o", ".", "directory for the files")
	c.Flags().BoolVar(&o.force, "force", false, "replace other files")
	c.Flags().IntVar(&o.parallel, "parallel", 0,
		"files at once, 1 to 16 (default: as many as have 16 connections together, which is 2 large files or 16 small ones)")
	a.completeFiles(c)
	return c
}

var atLeastFiles = atLeast(1, "at least one file, by id or name")

func (a *app) fetch(ctx context.Context, what []string, o fetchOptions) error {
	cfg, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	engine := newEngine(cfg)
	defer engine.Close()
	p := a.printer()
	x := &fetcher{
		api: backend, engine: engine, root: root, force: o.force, p: p, connections: cfg.Connections, parallel: o.parallel,
		slots: semaphore.NewWeighted(int64(cmp.Or(o.parallel, allConnections))),
	}
	b := newBatch(ctx, cmp.Or(o.parallel, 2*allConnections))
	files := chooseAll(ctx, &chooser{api: backend, urls: true}, what, b)
	done := make(counters, len(files))
	endTotal := p.total(len(files), sizes(files, func(f api.File) int64 { return f.Size }), done.sum)
	for i, f := range files {
		b.do(f.Name, func(ctx context.Context) error { return x.fetch(ctx, f, &done[i]) })
	}
	err = b.wait()
	endTotal()
	p.close()
	_ = root.Remove(download.PartialDir) // unless something unfinished is in it
	return err
}

// chooseAll returns the files that all arguments mean together, each once. What cannot be found, or would take the name of another
// file, is a failure of the batch.
func chooseAll(ctx context.Context, choose *chooser, what []string, b *batch) []api.File {
	var all []api.File
	names := map[string]string{} // id by name
	for _, w := range what {
		if b.ctx.Err() != nil {
			break
		}
		files, err := choose.choose(b.ctx, w)
		switch {
		case err != nil && hopeless(err):
			b.cancel(err)
		case err != nil && b.ctx.Err() == nil:
			b.failed(w, err)
		}
		for _, f := range files {
			if err != nil {
				break
			}
			if other, taken := names[f.Name]; taken && other != f.Id {
				b.failed(f.Id, fmt.Errorf("the file %s has the name %s, too", other, f.Name))
			} else if !taken {
				names[f.Name] = f.Id
				all = append(all, f)
			}
		}
	}
	return all
}

func newEngine(c config.Config) *download.Engine {
	return download.New(download.Options{Connections: c.Connections, Hosts: hosts(c), UserAgent: userAgent()})
}

// counters count the bytes of several files.
type counters []atomic.Int64

func (c counters) sum() (n int64) {
	for i := range c {
		n += c[i].Load()
	}
	return n
}

func sizes[T any](all []T, of func(T) int64) (n int64) {
	for _, one := range all {
		n += of(one)
	}
	return n
}

// fetched is a result of fetch as JSON.
type fetched struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Fetched int64  `json:"fetched"`
	Resumed int64  `json:"resumed"`
	Reused  bool   `json:"reused"`
	Ms      int64  `json:"ms"`
}

// taskOf makes a task of a catalogue entry.
func taskOf(f api.File) (download.Task, error) {
	t := download.Task{FileID: f.Id, Dest: f.Name, Size: f.Size, PartSize: f.PartSize, Parts: make([][32]byte, len(f.PartDigests))}
	if f.State != api.FileStateReady {
		return t, fmt.Errorf("the file is %s: its upload has not completed", f.State)
	}
	if f.Version != nil {
		t.Version = *f.Version
	}
	for i, d := range append(append([]string{}, f.PartDigests...), f.Sha256) {
		b, err := hex.DecodeString(d)
		if err != nil || len(b) != 32 {
			return t, fmt.Errorf("the catalogue has %q for a SHA-256", d)
		}
		if i < len(t.Parts) {
			t.Parts[i] = [32]byte(b)
		} else {
			t.SHA256 = [32]byte(b)
		}
	}
	return t, nil
}
