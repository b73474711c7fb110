// Package upload registers files with the backend and puts their parts straight into the bucket, by presigned URL.
//
// An upload that was interrupted goes on: the backend knows which parts the bucket holds, and the id of the upload is kept in
// a cache directory until it is complete.
package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/local"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// ErrChanged means that a file was written to while it was read.
var ErrChanged = errors.New("the file changed while it was uploaded")

const (
	pageSize       = 64               // parts whose URLs are asked for at once
	maxIdlePages   = 3                // pages in a row of which no part went through
	maxTries       = 6                // of one part
	maxCompletions = 3                // of one upload
	maxUploads     = 4                // of one file: the first, and others after it had ended
	silence        = 60 * time.Second // without a byte taken or an answer, after which a try is given up
)

// Uploader uploads files. It is safe for concurrent use.
type Uploader struct {
	API         *client.API
	HTTP        *http.Client        // for presigned URLs
	Hosts       download.HostPolicy // to which bytes may be sent
	Connections int                 // parts of one file in flight
	Cache       Cache
}

// Result tells what an upload did.
type Result struct {
	File     api.File
	Existing bool  // the catalogue has the same name with the same bytes, and not from this upload
	Sent     int64 // bytes
	Resumed  int64 // bytes that an earlier try had sent
}

// Upload is UploadFile for the regular file at a path.
func (u *Uploader) Upload(ctx context.Context, path, name string, hashed, sent *atomic.Int64) (Result, error) {
	f, err := local.Open(path)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = f.Close() }()
	return u.UploadFile(ctx, f, name, hashed, sent)
}

// UploadFile registers a regular file under a name and uploads it. hashed and sent count its bytes; either may be nil. An upload that
// was interrupted is resumed, however it ended: see transfer.run.
func (u *Uploader) UploadFile(ctx context.Context, f *os.File, name string, hashed, sent *atomic.Int64) (Result, error) {
	if _, err := download.CleanPath(name); err != nil {
		return Result{}, err
	}
	if hashed == nil {
		hashed = new(atomic.Int64)
	}
	if sent == nil {
		sent = new(atomic.Int64)
	}
	described, err := describe(ctx, f, name, hashed)
	if err != nil {
		return Result{}, fmt.Errorf("hashing: %w", err)
	}
	file, err := u.register(ctx, described)
	if err != nil {
		return Result{}, err
	}
	if file.State == api.FileStateReady {
		sent.Store(file.Size)
		return Result{File: file, Existing: true}, nil
	}
	t := &transfer{u: u, f: f, described: described, file: file, sent: sent}
	if file, err = t.run(ctx); err != nil {
		return Result{}, err
	}
	u.Cache.forget(file.Id)
	return Result{File: file, Existing: t.existing, Sent: t.put.Load(), Resumed: t.resumed.Load()}, nil
}

// register returns the catalogue's file with this name and these bytes, and makes one if there is none.
func (u *Uploader) register(ctx context.Context, n api.NewFile) (api.File, error) {
	for f, err := range u.API.Files(ctx, client.FileFilter{Name: n.Name}) {
		if err != nil {
			return api.File{}, fmt.Errorf("looking for the name: %w", err)
		}
		if f.Sha256 == n.Sha256 && f.Size == n.Size && (f.State == api.FileStateReady || f.PartSize == n.PartSize) {
			return f, nil
		}
	}
	f, err := u.API.CreateFile(ctx, n)
	if err != nil {
		return api.File{}, fmt.Errorf("registering: %w", err)
	}
	return f, nil
}

// parts goes through the parts page by page. A page whose URLs have expired is asked for again.
func (t *transfer) parts(ctx context.Context) error {
	t.sent.Store(0)
	token, idle, seen := "", 0, map[int]bool{}
	for {
		page, err := t.u.API.UploadParts(ctx, t.file.Id, t.upload, pageSize, token)
		if err != nil {
			return fmt.Errorf("listing the parts: %w", err)
		}
		before := t.put.Load()
		err = t.page(ctx, page, seen)
		if errors.Is(err, errExpired) {
			if idle++; t.put.Load() > before {
				idle = 0
			}
			if idle < maxIdlePages {
				continue
			}
		}
		if err != nil {
			return err
		}
		idle = 0
		if page.NextPageToken == nil || *page.NextPageToken == "" {
			return nil
		}
		token = *page.NextPageToken
	}
}

// page sends the missing parts of a page at once. seen are the parts that have been counted.
func (t *transfer) page(ctx context.Context, page api.UploadPartPage, seen map[int]bool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, t.u.Connections))
	for _, p := range page.Parts {
		if p.Uploaded {
			if !seen[p.Number] {
				seen[p.Number] = true
				t.resumed.Add(p.Size)
				t.sent.Add(p.Size)
			}
			continue
		}
		seen[p.Number] = true
		g.Go(func() error {
			if err := t.part(ctx, p); err != nil {
				return fmt.Errorf("part %d: %w", p.Number, err)
			}
			return nil
		})
	}
	return g.Wait()
}
