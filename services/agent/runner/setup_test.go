package runner

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

type bundle struct {
	t      *testing.T
	server *fakeapi.Server
	dir    string
	stop   context.CancelFunc
	ended  chan error
	log    *syncBuffer
	runner *Runner
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

const part = 32 << 10

// renewals is a TTL for tests that wait for heartbeats or for their end. It is short, and leaves a busy machine time to answer in.
const renewals = 6 * time.Second

// patience is for what comes for certain, however slow the machine is.
const patience = time.Minute

func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// start runs an agent until the test ends, or stop is called.
func start(t *testing.T, s *fakeapi.Server, change ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, server: s, dir: t.TempDir(), ended: make(chan error, 1), log: &syncBuffer{}}
	c, err := client.New(client.Options{URL: s.URL, Auth: client.Bearer(fakeapi.Token)})
	require.NoError(t, err)
	e := download.New(download.Options{
		Connections: 2, PieceSize: part, ResponseTimeout: patience, StallTimeout: patience, SlowInterval: patience,
		BackoffBase: time.Millisecond, BackoffLimit: 2 * time.Millisecond,
		SyncInterval: 20 * time.Millisecond, StopGrace: 100 * time.Millisecond, Hosts: download.HostPolicy{Insecure: true},
	})
	o := Options{
		API: c, Engine: e, Dir: filepath.Join(b.dir, "files"), HealthFile: filepath.Join(b.dir, "health"), Wait: time.Second,
		StopTimeout: patience, MinFree: -1, Name: "test", Version: "1",
	}
	for _, f := range change {
		f(&o)
	}
	r, err := New(o)
	require.NoError(t, err)
	b.runner = r
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() { b.ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-b.ended: //nolint:errcheck // tests that care for it have read it
		case <-time.After(2 * patience):
			t.Error("the agent did not stop")
		}
		e.Close()
		c.Close()
	})
	return b
}

func (b *bundle) eventually(f func() bool, what string) {
	b.t.Helper()
	require.Eventually(b.t, f, patience, 3*time.Millisecond, what)
}

func (b *bundle) states(want map[api.JobState]int) {
	b.t.Helper()
	b.eventually(func() bool {
		got := b.server.States()
		for s, n := range want {
			if got[s] != n {
				return false
			}
		}
		return true
	}, "jobs")
}

func (b *bundle) outcomes(status api.OutcomeStatus) []api.Outcome {
	b.server.Mu.Lock()
	defer b.server.Mu.Unlock()
	var all []api.Outcome
	for _, list := range b.server.Outcomes {
		for _, o := range list {
			if o.Status == status {
				all = append(all, o)
			}
		}
	}
	return all
}

func (b *bundle) shutdown() error {
	b.stop()
	err := <-b.ended
	b.ended <- err
	return err
}

// holdBucket keeps all downloads waiting until release is called; waiting counts them.
func holdBucket(s *fakeapi.Server) (release func(), waiting *atomic.Int64) {
	ch := make(chan struct{})
	waiting = new(atomic.Int64)
	s.Hook = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(op, "GET /bucket") {
			waiting.Add(1)
			select {
			case <-ch:
			case <-r.Context().Done():
			}
		}
		return false
	}
	return sync.OnceFunc(func() { close(ch) }), waiting
}

func jsonLog(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }
