// Package contract checks a backend that is not this repository's against what docs/bring-your-own.md asks of one.
package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"scalable-backend/services/backend/config"
)

// Backend is a running one.
type Backend struct {
	Public, Gateway string          // where it was told to listen, host:port
	Ended           <-chan struct{} // closed when its process has ended
}

const (
	// first is when a wait says for the first time what it waits for.
	first = time.Second
	// second is how long one door may be closed when the other one is open.
	second = 5 * time.Second
)

var errEnded = errors.New("the process has ended")

// Await waits until both doors answer health checks. After a second it tells waiting what is missing still, if anything. The error
// says what was missing in the end: when limit has passed, the process has ended, or one door stays closed beside an open one.
func (b Backend) Await(ctx context.Context, limit time.Duration, waiting func(missing error)) error {
	began, open := time.Now(), time.Time{}
	for told := false; ; {
		public, gateway := b.health(ctx, b.Public, "public", "BACKEND_PUBLIC_ADDR"), b.health(ctx, b.Gateway, "gateway", "BACKEND_GATEWAY_ADDR")
		missing := errors.Join(public, gateway)
		if missing == nil {
			return nil
		}
		if open.IsZero() && (public == nil || gateway == nil) {
			open = time.Now()
		}
		if !told && time.Since(began) > first {
			waiting(missing)
			told = true
		}
		if time.Since(began) > limit || !open.IsZero() && time.Since(open) > second {
			return missing
		}
		select {
		case <-b.Ended:
			return errors.Join(errEnded, missing)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// health asks one door as its load balancer does.
func (b Backend) health(ctx context.Context, addr, door, variable string) error {
	status, err := b.call(ctx, http.MethodGet, addr, config.HealthPath, nil)
	where := fmt.Sprintf("GET %s at the %s door (%s=%s)", config.HealthPath, door, variable, addr)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: nobody listens there", where)
	case err != nil:
		return fmt.Errorf("%s: %w", where, err)
	case status != http.StatusOK:
		return fmt.Errorf("%s: want 200, got %d", where, status)
	}
	return nil
}

// reads are calls of the API's document that need a caller.
var reads = []string{"/v1/whoami", "/v1/stats", "/v1/files", "/v1/jobs", "/v1/tokens"}

// Guarded returns an error for each call of the API that gets in at the public door without a token, or with the header that only
// API Gateway may set and that a client can send to this door.
func (b Backend) Guarded(ctx context.Context) error {
	var problems []error
	for _, path := range reads {
		for how, header := range map[string]map[string]string{
			"without a token":           nil,
			"with a made-up token":      {"Authorization": "Bearer made-up"},
			"by " + config.CallerHeader: {config.CallerHeader: "arn:aws:iam::000000000000:user/nobody"},
		} {
			status, err := b.call(ctx, http.MethodGet, b.Public, path, header)
			if err != nil {
				return fmt.Errorf("GET %s at the public door: %w", path, err)
			}
			if status < 300 {
				problems = append(problems, fmt.Errorf("GET %s at the public door lets a caller in %s: got %d", path, how, status))
			}
		}
	}
	return errors.Join(problems...)
}

// call makes one request and returns its status.
func (b Backend) call(ctx context.Context, method, addr, path string, header map[string]string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, nil)
	if err != nil {
		return 0, err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, nil
}

// Lines counts the lines of a log, and returns the first one that is no JSON object; "" is none.
func Lines(log string) (count int, first string) {
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		count++
		var object map[string]any
		if first == "" && json.Unmarshal([]byte(line), &object) != nil {
			first = line
		}
	}
	return count, first
}
