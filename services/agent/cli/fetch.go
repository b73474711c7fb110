package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// allConnections is how many connections the files that are fetched at once have together, unless a person says how many files.
const allConnections = 16

// fetcher fetches files of the catalogue, several at once.
type fetcher struct {
	api         *client.API
	engine      *download.Engine
	root        *os.Root
	force       bool
	p           *printer
	connections int                 // of one file, at most
	parallel    int                 // files at once; 0 counts connections instead
	slots       *semaphore.Weighted // connections, or files
}

// slotsOf is how many of the slots a file takes.
func (x *fetcher) slotsOf(f api.File) int64 {
	if x.parallel > 0 {
		return 1
	}
	plan, err := download.NewPlan(f.Size, f.PartSize, x.connections)
	if err != nil {
		return 1 // fetching it will say so
	}
	return int64(plan.Connections)
}

// minURL is how long the URL that a list gave has to live, so that it is used.
const minURL = time.Minute

// fetch fetches a file when its turn comes. The URL of a small file, if the list gave none, is asked for while it waits, so that the calls
// for some run beside the transfers of others; that of a large one, which may wait for long, only then: it would have expired.
func (x *fetcher) fetch(ctx context.Context, f api.File, done *atomic.Int64) error {
	slots := x.slotsOf(f)
	var t download.Task
	var err error
	if slots == 1 {
		if t, err = x.task(ctx, f); err != nil {
			return err
		}
	}
	if err := x.slots.Acquire(ctx, slots); err != nil {
		return context.Cause(ctx)
	}
	defer x.slots.Release(slots)
	if slots > 1 {
		if t, err = x.task(ctx, f); err != nil {
			return err
		}
	}
	t.Done = done
	return x.transfer(ctx, f, t)
}

// task makes a task of a file, with a URL.
func (x *fetcher) task(ctx context.Context, f api.File) (t download.Task, err error) {
	switch { // lists leave digests of parts out
	case len(f.PartDigests) > 0 || f.Size == 0:
	case f.Size <= f.PartSize:
		f.PartDigests = []string{f.Sha256} // the file is its only part
	default:
		if f, err = x.api.GetFile(ctx, f.Id); err != nil {
			return t, err
		}
	}
	if t, err = taskOf(f); err != nil {
		return t, err
	}
	t.Root, t.Owner, t.Keep = x.root, uuid.NewString(), !x.force
	t.Refresh = func(ctx context.Context) (string, error) { return x.api.ContentURL(ctx, f.Id) }
	if f.ContentUrl != nil && f.UrlExpiresAt != nil && time.Until(*f.UrlExpiresAt) > minURL {
		t.URL = *f.ContentUrl
		return t, nil
	}
	t.URL, err = t.Refresh(ctx)
	return t, err
}

func (x *fetcher) transfer(ctx context.Context, f api.File, t download.Task) error {
	defer x.p.bar(f.Name, f.Size, step{done: t.Done.Load})()
	begun := time.Now()
	r, err := x.engine.Fetch(ctx, t)
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
	x.p.result(fetched{f.Id, f.Name, f.Size, f.Sha256, r.Fetched, r.Resumed, r.Reused, took.Milliseconds()},
		"%s  verified, %s", f.Name, how)
	return nil
}
