package contract

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/config"
	"scalable-backend/services/internal/servers"
)

// serve opens a door until the test ends.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	address, err := servers.FreeAddress()
	require.NoError(t, err)
	return address
}

func TestAwait(t *testing.T) {
	t.Parallel()
	healthy := serve(t, status(http.StatusOK))
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = garbage.Close() })
	go func() {
		for {
			conn, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write([]byte("SSH-2.0-x\r\n"))
			_ = conn.Close()
		}
	}()
	for name, c := range map[string]struct {
		public, gateway string
		limit           time.Duration
		want            []string // in the error; none is success
	}{
		"both doors": {healthy, healthy, time.Minute, nil},
		// The limit is far, but one closed door beside an open one is told much earlier.
		"one door":   {healthy, closed(t), 5 * time.Minute, []string{"gateway door (BACKEND_GATEWAY_ADDR=127.0.0.1:", "nobody listens there"}},
		"no door":    {closed(t), closed(t), 1500 * time.Millisecond, []string{"BACKEND_PUBLIC_ADDR=", "BACKEND_GATEWAY_ADDR="}},
		"not ready":  {healthy, serve(t, status(http.StatusServiceUnavailable)), 1500 * time.Millisecond, []string{"want 200, got 503"}},
		"redirects":  {serve(t, status(http.StatusFound)), healthy, 1500 * time.Millisecond, []string{"public door", "want 200, got 302"}},
		"other talk": {garbage.Addr().String(), healthy, 1500 * time.Millisecond, []string{"public door", "malformed HTTP"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, told := time.Now(), []error{}
			b := Backend{Public: c.public, Gateway: c.gateway, Ended: make(chan struct{})}
			err := b.Await(t.Context(), c.limit, func(missing error) { told = append(told, missing) })
			if c.want == nil {
				require.NoError(t, err)
				require.Empty(t, told)
				return
			}
			require.Less(t, time.Since(began), time.Minute)
			require.Len(t, told, 1)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
				require.ErrorContains(t, told[0], want)
			}
		})
	}
}

func TestAwaitIsOverWhenTheProcessIs(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	err := Backend{Public: closed(t), Gateway: closed(t), Ended: ended}.Await(t.Context(), time.Minute, func(error) {})
	require.ErrorIs(t, err, errEnded)
	require.ErrorContains(t, err, "nobody listens there")
}

func TestGuarded(t *testing.T) {
	t.Parallel()
	guarded := func(h http.HandlerFunc) error { return Backend{Public: serve(t, h)}.Guarded(t.Context()) }
	require.NoError(t, guarded(status(http.StatusUnauthorized)))
	require.NoError(t, guarded(status(http.StatusNotFound)))

	err := guarded(status(http.StatusOK))
	for _, want := range []string{
		"GET /v1/whoami at the public door lets a caller in without a token: got 200", "GET /v1/tokens", "with a made-up token",
		"by X-Gateway-Caller",
	} {
		require.ErrorContains(t, err, want)
	}
	// The gateway's door, opened to everybody.
	err = guarded(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(config.CallerHeader) == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	require.ErrorContains(t, err, "GET /v1/whoami at the public door lets a caller in by X-Gateway-Caller: got 200")
	require.NotContains(t, err.Error(), "without a token")
}

func TestLines(t *testing.T) {
	t.Parallel()
	count, other := Lines("{\"msg\": \"a\"}\n\nTraceback: x\n{\"msg\": \"b\"}\nlater")
	require.Equal(t, 4, count)
	require.Equal(t, "Traceback: x", other)
	count, other = Lines("{}\n")
	require.Equal(t, 1, count)
	require.Empty(t, other)
}
