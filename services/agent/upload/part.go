package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// errExpired means that a fresh URL may help.
var errExpired = errors.New("the bucket refused the presigned URL")

// errEnded means that the bucket no longer knows the upload.
var errEnded = errors.New("the upload has ended in the bucket")

var errSilence = errors.New("the bucket fell silent")

var s3Code = regexp.MustCompile(`<Code>([A-Za-z0-9]{1,64})</Code>`)

// part puts one part, with retries.
func (t *transfer) part(ctx context.Context, p api.UploadPart) error {
	if p.Url == nil {
		return errors.New("the backend gave no URL")
	}
	if p.Offset < 0 || p.Size < 0 || p.Offset+p.Size > t.file.Size {
		return fmt.Errorf("the backend gave the extent %d+%d of a file of %d bytes", p.Offset, p.Size, t.file.Size)
	}
	if err := t.u.Hosts.Check(*p.Url); err != nil {
		return err
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		var counted atomic.Int64
		err := t.try(ctx, p, &counted)
		if err != nil {
			t.sent.Add(-counted.Load())
		}
		return struct{}{}, err
	}, backoff.WithBackOff(client.FullJitter(100*time.Millisecond, 10*time.Second)), backoff.WithMaxTries(maxTries))
	if err == nil {
		t.put.Add(p.Size)
	}
	return err
}

// try puts a part once.
func (t *transfer) try(parent context.Context, p api.UploadPart, counted *atomic.Int64) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(errSilence) })
	defer watchdog.Stop()
	body := &counting{
		r: io.NewSectionReader(t.f, p.Offset, p.Size),
		on: func(n int) {
			watchdog.Reset(silence)
			counted.Add(int64(n))
			t.sent.Add(int64(n))
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, *p.Url, io.NopCloser(body))
	if err != nil {
		return backoff.Permanent(errors.New("the backend gave no URL that can be used"))
	}
	req.ContentLength = p.Size
	if p.Size == 0 {
		req.Body = http.NoBody
	}
	if p.Headers != nil {
		for k, v := range *p.Headers {
			if !strings.EqualFold(k, "Content-Length") && !strings.EqualFold(k, "Host") { // those are the request's own
				req.Header.Set(k, v)
			}
		}
	}
	resp, err := t.u.HTTP.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which is a credential
		}
		if parent.Err() == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if changed := sizeChanged(t.f, t.file.Size); changed != nil {
			return backoff.Permanent(changed) // a part that has become too short cannot be sent
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return judge(resp, text)
}

// judge says what the bucket's answer means.
func judge(resp *http.Response, text []byte) error {
	code := ""
	if m := s3Code.FindSubmatch(text); m != nil {
		code = string(m[1])
	}
	err := fmt.Errorf("the bucket answered %s %s", resp.Status, code)
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		return nil
	case s == http.StatusForbidden, s == http.StatusUnauthorized, s == http.StatusBadRequest && strings.Contains(code, "Expired"):
		return backoff.Permanent(fmt.Errorf("%w: %w", errExpired, err))
	case s == http.StatusBadRequest && strings.Contains(code, "Digest"), s == http.StatusBadRequest && strings.Contains(code, "Mismatch"),
		s == http.StatusBadRequest && strings.Contains(code, "Checksum"):
		return backoff.Permanent(fmt.Errorf("%w: %w", ErrChanged, err))
	case s == http.StatusNotFound && code == "NoSuchUpload":
		return backoff.Permanent(fmt.Errorf("%w: %w", errEnded, err))
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s >= 500:
		return err
	}
	if strings.Contains(code, "RequestTimeout") { // S3 answers a slow body with 400
		return err
	}
	return backoff.Permanent(err)
}

// counting reports what is read.
type counting struct {
	r  io.Reader
	on func(int)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.on(n)
	}
	return n, err
}
