package cli

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"scalable-backend/services/agent/config"
	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
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
	b := newBatch(ctx, cmp.Or(o.parallel, allConnections))
	files := chooseAll(ctx, backend, what, b)
	done := make(counters, len(files))
	endTotal := p.total(len(files), sizes(files, func(f api.File) int64 { return f.Size }), done.sum)
	for i, f := range files {
		b.doIn(o.slots(f, cfg), f.Name, func(ctx context.Context) error { return fetchOne(ctx, backend, engine, root, f, o, p, &done[i]) })
	}
	err = b.wait()
	endTotal()
	p.close()
	_ = root.Remove(download.PartialDir) // unless something unfinished is in it
	return err
}

// allConnections is how many connections the files that are fetched at once have together, unless a person says how many files.
const allConnections = 16

// slots is how much of the batch a file takes: its connections, or 1 when files are counted.
func (o fetchOptions) slots(f api.File, cfg config.Config) int {
	if o.parallel > 0 {
		return 1
	}
	plan, err := download.NewPlan(f.Size, f.PartSize, cfg.Connections)
	if err != nil {
		return 1 // fetching it will say so
	}
	return plan.Connections
}

// chooseAll returns the files that all arguments mean together, each once. What cannot be found, or would take the name of another
// file, is a failure of the batch.
func chooseAll(ctx context.Context, c *client.API, what []string, b *batch) []api.File {
	var all []api.File
	names := map[string]string{} // id by name
	choose := chooser{api: c}
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

func fetchOne(
	ctx context.Context, c *client.API, e *download.Engine, root *os.Root, f api.File, o fetchOptions, p *printer, done *atomic.Int64,
) (err error) {
	switch { // lists leave digests of parts out
	case len(f.PartDigests) > 0 || f.Size == 0:
	case f.Size <= f.PartSize:
		f.PartDigests = []string{f.Sha256} // the file is its only part
	default:
		if f, err = c.GetFile(ctx, f.Id); err != nil {
			return err
		}
	}
	t, err := taskOf(f)
	if err != nil {
		return err
	}
	t.Refresh = func(ctx context.Context) (string, error) { return c.ContentURL(ctx, f.Id) }
	if t.URL, err = t.Refresh(ctx); err != nil {
		return err
	}
	t.Root, t.Owner, t.Keep, t.Done = root, uuid.NewString(), !o.force, done
	defer p.bar(f.Name, f.Size, step{done: done.Load})()
	begun := time.Now()
	r, err := e.Fetch(ctx, t)
	if errors.Is(err, download.ErrExists) {
		return fmt.Errorf("%w: use --force to replace it", err)
	}
	if err != nil {
		return err
	}
	took := time.Since(begun)
	how := size(f.Size) + rate(r.Fetched, took)
	if r.Reused {
		how = "already there"
	} else if r.Resumed > 0 {
		how += fmt.Sprintf(", %s of it earlier", size(r.Resumed))
	}
	p.result(fetched{f.Id, f.Name, f.Size, f.Sha256, r.Fetched, r.Resumed, r.Reused, took.Milliseconds()},
		"%s  verified, %s", f.Name, how)
	return nil
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
