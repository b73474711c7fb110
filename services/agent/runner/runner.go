// Package runner leases jobs from the backend, has them downloaded, renews the leases meanwhile, and reports how each ended.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
)

// API is what the runner calls; client.API is one.
type API interface {
	Lease(ctx context.Context, r api.LeaseRequest) ([]api.Lease, error)
	LeaseSource(ctx context.Context, leaseID string) (api.Source, error)
	Heartbeat(ctx context.Context, agentID string, h api.Heartbeat, timeout time.Duration) (api.HeartbeatAnswer, error)
	PutOutcome(ctx context.Context, leaseID string, o api.Outcome) (api.Job, error)
}

// Published is a file that is whole and at its destination.
type Published struct {
	Path    string // in the file system
	Job     api.Job
	File    api.File
	Attempt int
}

// Handler is called with each published file before success is reported. What it does is part of the job, and its error fails the
// attempt. It may be called again with the same file, when the first report was lost. Its context ends when the lease does.
type Handler interface {
	Handle(ctx context.Context, p Published) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, p Published) error

// Handle implements Handler.
func (f HandlerFunc) Handle(ctx context.Context, p Published) error { return f(ctx, p) }

// Keep is the default Handler: the file stays where it is.
var Keep Handler = HandlerFunc(func(context.Context, Published) error { return nil })

// Options of a Runner. API, Engine and Dir are required; other zero values take the defaults.
type Options struct {
	API     API
	Engine  *download.Engine
	Dir     string // root of the published files; only files that agents published there are ever removed
	Handler Handler
	Log     *slog.Logger

	// Tracer makes a span of each job, from its lease to its outcome. Nil makes none.
	Tracer trace.TracerProvider

	Name, Version string // labels for people
	HealthFile    string // touched while the runner is alive; "" is none

	MaxLeases   int           // jobs at once, up to 16; 4
	Wait        time.Duration // of one long poll, up to 20 s; 20 s
	StopTimeout time.Duration // from the end of Run's context to its return; 105 s

	Retain    time.Duration // files that were published longer ago are removed; 0 keeps them for ever
	MinFree   int64         // free bytes below which old published files are removed and nothing is leased; 256 MiB; negative is none
	TidyEvery time.Duration // between looks for old files; 1 min
}

// Runner is one agent: an id, and the leases that it holds.
type Runner struct {
	o         Options
	id        string
	root      *os.Root
	freeSpace func() (int64, error) // bytes that may still be written below root
	stop      chan struct{}         // closed when no new work is to be begun

	work  context.Context // of downloads and handlers: it outlives Run's context by the time to stop
	final context.Context // of the last reports: it outlives work

	mu     sync.Mutex
	leases map[string]*lease
	paused time.Time     // nothing is leased before
	ttl    time.Duration // of the leases seen last; 0 before the first
	freed  chan struct{} // a lease has ended
	beat   chan struct{} // a heartbeat is wanted now
	busy   sync.WaitGroup
	untold atomic.Bool // the backend grants leases again that it has not heard of: a heartbeat is due at once
	lowOn  bool        // on space; of the lease loop alone

	ticked atomic.Int64 // when the lease loop last moved, in Unix nanoseconds
}

// New returns a Runner with an id of its own.
func New(o Options) (*Runner, error) {
	o.Handler = cmp.Or(o.Handler, Keep)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.MaxLeases = min(cmp.Or(o.MaxLeases, 4), 16)
	o.Wait = min(cmp.Or(o.Wait, 20*time.Second), 20*time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, 105*time.Second)
	o.MinFree = cmp.Or(o.MinFree, 256<<20)
	o.TidyEvery = cmp.Or(o.TidyEvery, time.Minute)
	if o.API == nil || o.Engine == nil || o.Dir == "" {
		return nil, errors.New("making a runner: want an API, an engine and a directory")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the output directory: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the output directory: %w", err)
	}
	id := uuid.NewString()
	o.Log = o.Log.With("agent_id", id)
	return &Runner{
		o: o, id: id, root: root, freeSpace: func() (int64, error) {
			return download.FreeSpace(root)
		}, stop: make(chan struct{}), leases: map[string]*lease{},
		freed: make(chan struct{}, 1), beat: make(chan struct{}, 1),
	}, nil
}

// ID returns the agent's id.
func (r *Runner) ID() string { return r.id }

// errStopTimeout ends the work that is left when StopTimeout has passed.
var errStopTimeout = errors.New("the time to stop is used up")

// Run leases and downloads until ctx ends. Then it lets downloads that end soon end, gives the other leases back, and returns. It
// may be called once. The error is nil unless something did not end in time.
func (r *Runner) Run(ctx context.Context) error {
	defer func() { _ = r.root.Close() }()
	background := context.WithoutCancel(ctx)
	work, cutWork := context.WithCancelCause(background)
	defer cutWork(nil)
	final, cutFinal := context.WithCancelCause(background)
	defer cutFinal(nil)
	r.work, r.final = work, final
	if err := r.touchHealth(); err != nil {
		return fmt.Errorf("writing the health file: %w", err)
	}
	helpers, endHelpers := context.WithCancel(background)
	var helping sync.WaitGroup
	helping.Go(func() { r.heartbeats(helpers) })
	helping.Go(func() { r.tidy(helpers) })
	helping.Go(func() { r.health(helpers) })

	r.o.Log.Info("agent started", "name", r.o.Name, "version", r.o.Version, "max_leases", r.o.MaxLeases)
	r.leaseLoop(ctx)

	r.o.Log.Info("agent stopping", "leases", r.count())
	close(r.stop)
	reserve := min(10*time.Second, r.o.StopTimeout/4)
	workTimer := time.AfterFunc(r.o.StopTimeout-reserve, func() { cutWork(errStopTimeout) })
	defer workTimer.Stop()
	finalTimer := time.AfterFunc(r.o.StopTimeout-reserve/4, func() { cutFinal(errStopTimeout) })
	defer finalTimer.Stop()
	err := r.awaitWork()
	endHelpers()
	helping.Wait()
	if err != nil {
		r.o.Log.Error("agent stopped", "error", err)
	} else {
		r.o.Log.Info("agent stopped")
	}
	return err
}

// awaitWork waits for the leases to end, for StopTimeout at most: a system call that hangs cannot be interrupted.
func (r *Runner) awaitWork() error {
	ended := make(chan struct{})
	go func() {
		r.busy.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(r.o.StopTimeout):
		return fmt.Errorf("stopping: %d leases did not end: %w", r.count(), errStopTimeout)
	}
}

func (r *Runner) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.leases)
}

func (r *Runner) path(dest string) string { return filepath.Join(r.o.Dir, filepath.FromSlash(dest)) }
