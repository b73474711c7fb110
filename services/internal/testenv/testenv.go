// Package testenv gives tests real servers: one private PostgreSQL and one S3-compatible server for each test process,
// started when first asked for. A server that cannot be started fails the test; it is never skipped.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalable-backend/services/internal/servers"
)

// S3 is a bucket of its own on the test process's S3-compatible server; versioning is on.
type S3 struct {
	Endpoint, Region, Bucket, AccessKey, SecretKey string
}

// startLimit covers a first build of the S3 server on a slow machine.
const startLimit = 10 * time.Minute

type environment struct {
	dir      func() (string, error)
	postgres func() (*servers.Postgres, error)
	s3       func() (*servers.S3, error)
	count    atomic.Int64

	mu    sync.Mutex
	close []func() error
}

var env = newEnvironment()

func newEnvironment() *environment {
	e := &environment{}
	e.dir = sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "testenv-")
		if err != nil {
			return "", err
		}
		e.atEnd(func() error { return os.RemoveAll(dir) })
		// PostgreSQL may run as another user, who must reach its directory below this one.
		return dir, os.Chmod(dir, 0o755)
	})
	e.postgres = sync.OnceValues(func() (*servers.Postgres, error) {
		return start(e, "postgres", servers.StartPostgres, (*servers.Postgres).Remove)
	})
	e.s3 = sync.OnceValues(func() (*servers.S3, error) {
		return start(e, "s3", servers.StartS3, (*servers.S3).Remove)
	})
	return e
}

func start[T any](e *environment, name string, begin func(context.Context, string) (T, error), end func(T) error) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var none T
	dir, err := e.dir()
	if err != nil {
		return none, err
	}
	server, err := begin(ctx, filepath.Join(dir, name))
	if err != nil {
		return none, err
	}
	e.atEnd(func() error { return end(server) })
	return server, nil
}

func (e *environment) atEnd(f func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.close = append(e.close, f)
}

func (e *environment) end() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for i := len(e.close) - 1; i >= 0; i-- {
		errs = append(errs, e.close[i]())
	}
	e.close = nil
	return errors.Join(errs...)
}

// Main runs the tests, then stops and removes the servers that they started. Call it from TestMain.
func Main(m *testing.M) {
	os.Exit(Run(m))
}

// Run is Main without the exit, for a TestMain that has more to check: it returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := env.end(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv: cleaning up:", err)
		code = max(code, 1)
	}
	return code
}

// Postgres is the test process's server, for tests that stop and start it. Tests that share it must not.
func Postgres(t testing.TB) *servers.Postgres {
	t.Helper()
	p, err := env.postgres()
	if err != nil {
		t.Fatalf("PostgreSQL for the tests: %v", err)
	}
	return p
}

// Database makes a new, empty database and returns its URL.
func Database(t testing.TB) string {
	t.Helper()
	p := Postgres(t)
	name := fmt.Sprintf("test_%d", env.count.Add(1))
	if err := p.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return p.URL(name)
}

// Bucket makes a new bucket.
func Bucket(t testing.TB) S3 {
	t.Helper()
	s, err := env.s3()
	if err != nil {
		t.Fatalf("S3 server for the tests: %v", err)
	}
	name := fmt.Sprintf("test-%d", env.count.Add(1))
	if err := s.CreateBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return S3{Endpoint: s.Endpoint, Region: s.Region, Bucket: name, AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}
