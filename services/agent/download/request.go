package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var errStalled = errors.New("no byte came for too long")

type kind uint8

const (
	passing kind = iota // the next try may succeed
	expired             // a try with a fresh URL may succeed
)

// fault is a failed request that is tried again. Every other error ends the fetch.
type fault struct {
	kind  kind
	err   error
	after time.Duration // the wait that the origin asks for; 0 without one
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// StatusError is an answer of the origin with a status that carries no bytes of the file.
type StatusError struct {
	Status int
	Code   string // S3's, if the body had one
}

func (e *StatusError) Error() string {
	if e.Code != "" {
		return fmt.Sprintf("the origin answered %d %s (%s)", e.Status, http.StatusText(e.Status), e.Code)
	}
	return fmt.Sprintf("the origin answered %d %s", e.Status, http.StatusText(e.Status))
}

// request asks once for the rest of a span and writes what comes.
func (f *fetch) request(parent context.Context, source string, c *cursor, buf []byte) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watchdog := time.AfterFunc(f.e.o.ResponseTimeout, func() { cancel(errStalled) })
	defer watchdog.Stop()
	f.pace.requesting(c.speed, func() { cancel(errSlow) })
	defer f.pace.requesting(c.speed, nil)

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return fmt.Errorf("%w: not a URL", ErrRefused)
	}
	req.Header.Set("User-Agent", f.e.o.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	asked := span{c.pos, c.end()}
	if asked.to > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", asked.from, asked.to-1))
	}
	if etag := f.getETag(); etag != "" {
		req.Header.Set("If-Match", etag)
	}
	resp, err := f.e.client.Do(req)
	if err != nil {
		return transportFault(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := f.accept(resp, asked); err != nil {
		return err
	}
	return f.receive(ctx, resp.Body, c, asked.to, buf, func(n int) {
		watchdog.Reset(f.e.o.StallTimeout)
		c.speed.bytes.Add(int64(n))
	})
}

// transportFault strips the URL, which is a credential, off the transport's error.
func transportFault(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, ErrRefused) {
		return err
	}
	if why := cut(ctx); why != nil {
		err = why
	}
	return &fault{err: fmt.Errorf("requesting bytes: %w", err)}
}

// cut returns why this side ended a request (stalled or slow); nil if it did not.
func cut(ctx context.Context) error {
	if why := context.Cause(ctx); errors.Is(why, errStalled) || errors.Is(why, errSlow) {
		return why
	}
	return nil
}

// accept decides whether an answer's body is the bytes that were asked for.
func (f *fetch) accept(resp *http.Response, asked span) error {
	if want := http.StatusPartialContent; asked.to == 0 || resp.StatusCode != want {
		if asked.to > 0 || resp.StatusCode != http.StatusOK {
			return refusal(resp, asked)
		}
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return fmt.Errorf("%w: the body is encoded as %q", ErrRefused, e)
	}
	if err := f.checkETag(resp.Header.Get("ETag")); err != nil {
		return err
	}
	if asked.to == 0 {
		if resp.ContentLength > 0 {
			return fmt.Errorf("%w: the object has %d bytes, the catalogue none", ErrDigest, resp.ContentLength)
		}
		return nil
	}
	want := fmt.Sprintf("bytes %d-%d/", asked.from, asked.to-1)
	got := resp.Header.Get("Content-Range")
	total, ok := strings.CutPrefix(got, want)
	if !ok {
		return &fault{err: fmt.Errorf("asked for %s…, the origin sent %q", want, got)}
	}
	if size, err := strconv.ParseInt(total, 10, 64); err != nil || size != f.t.Size {
		return fmt.Errorf("%w: the object has %q bytes, the catalogue %d", ErrChanged, total, f.t.Size)
	}
	if n := resp.ContentLength; n >= 0 && n != asked.to-asked.from {
		return &fault{err: fmt.Errorf("asked for %d bytes, the origin announces %d", asked.to-asked.from, n)}
	}
	return nil
}

// refusal says what an unwanted status means.
func refusal(resp *http.Response, asked span) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	err := &StatusError{Status: resp.StatusCode, Code: s3Code(text)}
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		return &fault{err: fmt.Errorf("the origin sent the whole object for the range from byte %d", asked.from)}
	case s == http.StatusPartialContent:
		return &fault{err: errors.New("the origin sent a range that was not asked for")}
	case s >= 300 && s < 400:
		return fmt.Errorf("%w: a redirect (%d)", ErrRefused, s)
	case s == http.StatusUnauthorized, s == http.StatusForbidden,
		s == http.StatusBadRequest && strings.Contains(err.Code, "Expired"): // of the signer's session
		return &fault{kind: expired, err: err}
	case s == http.StatusPreconditionFailed, s == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case s == http.StatusRequestTimeout, s == http.StatusTooManyRequests, s >= 500:
		return &fault{err: err, after: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return err
}

var s3CodePattern = regexp.MustCompile(`<Code>([A-Za-z0-9]{1,64})</Code>`)

func s3Code(text []byte) string {
	if m := s3CodePattern.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

func retryAfter(v string) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// receive writes a body to its span, and never beyond its end.
func (f *fetch) receive(ctx context.Context, body io.Reader, c *cursor, asked int64, buf []byte, alive func(int)) error {
	alive(0)
	for c.left() > 0 {
		n, err := readAlive(body, buf[:min(int64(len(buf)), c.left())], alive)
		if n > 0 {
			if err := c.write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil && c.left() > 0 {
			if why := cut(ctx); why != nil {
				err = why
			} else if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return &fault{err: fmt.Errorf("reading bytes: %w", err)}
		}
	}
	if c.pos < asked {
		return nil // another worker has taken over the rest, and this connection is in the middle of a body
	}
	// Read the end of the body, so that the connection can be used again. If the body has more bytes than were asked for, they
	// are dropped together with the connection; the digests judge those that were asked for.
	if n, _ := readAlive(body, buf[:1], alive); n > 0 && asked == 0 {
		return fmt.Errorf("%w: the object has bytes, the catalogue none", ErrDigest)
	}
	return nil
}

// readAlive fills p, and calls alive for every read that brought bytes.
func readAlive(r io.Reader, p []byte, alive func(int)) (int, error) {
	n := 0
	for n < len(p) {
		m, err := r.Read(p[n:])
		n += m
		if m > 0 {
			alive(m)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *fetch) getETag() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.etag
}

// checkETag remembers the first entity tag and compares later ones with it. Weak tags are ignored: they do not mean equal bytes.
func (f *fetch) checkETag(etag string) error {
	if etag == "" || strings.HasPrefix(etag, "W/") {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.etag == "" {
		f.etag = etag
	}
	if f.etag != etag {
		return fmt.Errorf("%w: its entity tag was %s and is %s", ErrChanged, f.etag, etag)
	}
	return nil
}
