package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/config"
	"scalable-backend/services/backend/server"
	"scalable-backend/services/internal/build"
	"scalable-backend/services/internal/conform"
	"scalable-backend/services/internal/leak"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(testenv.Run(m))) }

const adminToken = "an-admin-token-of-the-tests"

// patience is for what comes for certain, however slow the machine is.
const patience = 3 * time.Minute

func environ(t *testing.T, change map[string]string) []string {
	t.Helper()
	s3 := testenv.Bucket(t)
	variables := map[string]string{
		"BACKEND_PUBLIC_ADDR": "127.0.0.1:0", "BACKEND_GATEWAY_ADDR": "127.0.0.1:0", "BACKEND_STACK": "test",
		"BACKEND_DATABASE_URL": testenv.Database(t), "BACKEND_ADMIN_TOKEN": adminToken,
		"BACKEND_S3_ENDPOINT": s3.Endpoint, "BACKEND_BUCKET": s3.Bucket, "AWS_REGION": s3.Region,
		"AWS_ACCESS_KEY_ID": s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s3.SecretKey,
		"BACKEND_DRAIN_TIMEOUT": "4s", "BACKEND_SWEEP_INTERVAL": "100ms", "BACKEND_LEASE_TTL": "1s", "BACKEND_LOG_LEVEL": "debug",
	}
	for key, value := range change {
		variables[key] = value
	}
	var list []string
	for key, value := range variables {
		list = append(list, key+"="+value)
	}
	return list
}

// running is a backend in this process. lines has its log.
type running struct {
	t     *testing.T
	addr  map[string]string
	stop  context.CancelFunc
	done  chan error
	lines chan map[string]any
}

func start(t *testing.T, environ []string) *running {
	t.Helper()
	return startWith(t, environ, func(ctx context.Context, environ []string, log io.Writer) error {
		return server.Run(ctx, nil, environ, log)
	})
}

func startWith(t *testing.T, environ []string, run func(ctx context.Context, environ []string, log io.Writer) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	r := &running{t: t, addr: map[string]string{}, stop: cancel, done: make(chan error, 1), lines: make(chan map[string]any, 10_000)}
	go func() {
		err := run(ctx, environ, writer)
		_ = writer.Close()
		r.done <- err
	}()
	go func() {
		defer close(r.lines)
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			var line map[string]any
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Errorf("not a line of JSON: %s", scanner.Text())
				continue
			}
			select {
			case r.lines <- line:
			default: // nobody reads them, and the backend must not wait for that
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range r.lines { // until the process has ended
		}
	})
	for len(r.addr) < 2 {
		line := r.await("listening")
		r.addr[line["door"].(string)] = "http://" + line["addr"].(string)
	}
	return r
}

// await reads the log up to a message.
func (r *running) await(message string) map[string]any {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				require.Fail(r.t, "the backend ended", "before it said %q: %v", message, r.ended())
			}
			if line["msg"] == message {
				return line
			}
		case <-deadline:
			require.Fail(r.t, "no "+message)
		}
	}
}

func (r *running) ended() error {
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		return errors.New("not ended")
	}
}

func (r *running) request(method, path string, body any) (int, map[string]any, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.addr["public"]+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	q.Header.Set("Authorization", "Bearer "+adminToken)
	q.Header.Set("Content-Type", "application/json")
	transport := &conform.Transport{Report: r.t, Next: &http.Transport{DisableKeepAlives: true}}
	response, err := transport.RoundTrip(q)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	var answer map[string]any
	err = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer, err
}

func TestServeAndDrain(t *testing.T) {
	t.Parallel()
	// The ports stay open for 5 s of it.
	r := start(t, environ(t, map[string]string{"BACKEND_DRAIN_TIMEOUT": "60s"}))
	status, who, err := r.request("GET", "/v1/whoami", nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, "token:00000000-0000-4000-8000-000000000001", who["id"])
	status, _, err = r.request("GET", "/readyz", nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)

	polled := make(chan int, 1)
	go func() {
		status, _, err := r.request(
			"POST",
			"/v1/leases",
			map[string]any{"agent_id": "00000000-0000-4000-8000-000000000009", "max": 1, "wait_s": 20},
		)
		if err != nil {
			t.Errorf("a request in flight was cut: %v", err)
		}
		polled <- status
	}()
	require.Eventually(t, func() bool {
		_, stats, err := r.request("GET", "/v1/stats", nil)
		return err == nil && stats["agents_seen"] == 1.0
	}, patience, 10*time.Millisecond)

	began := time.Now()
	r.stop()
	r.await("draining")
	require.Eventually(t, func() bool {
		status, _, err := r.request("GET", "/readyz", nil)
		return err == nil && status == 503
	}, config.MaxLinger-500*time.Millisecond, 10*time.Millisecond, "the port is open for a while, and readyz fails")
	require.Equal(t, 200, <-polled)
	r.await("stopped")
	require.NoError(t, r.ended())
	require.Less(t, time.Since(began), 20*time.Second, "the poll has 20 s and does not use them up")
	_, _, err = r.request("GET", "/readyz", nil)
	require.Error(t, err)
}

func TestTwoBackendsOnOneDatabase(t *testing.T) {
	t.Parallel()
	shared := environ(t, nil)
	one, two := start(t, shared), start(t, shared)
	for range 3 {
		status, _, err := one.request("POST", "/v1/files", map[string]any{
			"name": "f", "size": 0, "part_size": 5 << 20, "part_digests": []string{},
			"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		})
		require.NoError(t, err)
		require.Equal(t, 201, status)
	}
	_, page, err := one.request("GET", "/v1/files?page_size=2", nil)
	require.NoError(t, err)
	status, page, err := two.request("GET", "/v1/files?page_size=2&page_token="+page["next_page_token"].(string), nil)
	require.NoError(t, err)
	require.Equal(t, 200, status, "the other backend goes on with the list: %v", page)
	require.Len(t, page["files"], 1)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, server.Run(t.Context(), []string{"-version"}, nil, &out))
	require.Equal(t, build.Version()+"\n", out.String())
	require.Error(t, server.Run(t.Context(), []string{"serve"}, nil, io.Discard))
	require.ErrorContains(t, server.Run(t.Context(), nil, []string{"BACKEND_TYPO=1"}, io.Discard), "BACKEND_TYPO: no such setting")
	taken := start(t, environ(t, nil))
	err := server.Run(
		t.Context(),
		nil,
		environ(t, map[string]string{"BACKEND_PUBLIC_ADDR": strings.TrimPrefix(taken.addr["public"], "http://")}),
		io.Discard,
	)
	require.ErrorContains(t, err, "opening the public door")
}

func TestDatabaseThatComesLater(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	variables := environ(t, map[string]string{"BACKEND_DATABASE_URL": "postgres://x@127.0.0.1:1/x"})
	go func() {
		done <- server.Run(ctx, nil, variables, writer)
		_ = writer.Close()
	}()
	scanner := bufio.NewScanner(reader)
	for scanner.Scan() && !strings.Contains(scanner.Text(), "cannot be reached yet") {
		require.NotContains(t, scanner.Text(), "listening")
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	require.ErrorIs(t, <-done, context.Canceled)
}
