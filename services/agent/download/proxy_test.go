package download

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwarder is a proxy: it takes requests for any host to one origin, and tunnels to it.
func forwarder(t *testing.T, origin string, asked *atomic.Int64) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodConnect {
			tunnel(w, origin)
			return
		}
		q := r.Clone(r.Context())
		q.RequestURI, q.URL.Host = "", origin
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		for key, values := range resp.Header {
			w.Header()[key] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	return u
}

func tunnel(w http.ResponseWriter, to string) {
	there, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	go func() {
		_, _ = io.Copy(there, buffered)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

// Bytes take the proxy for the hosts that have one. The proxy may be on a loopback address, and resolves a name that only it knows.
func TestBytesGoThroughAProxy(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 8*testPiece)
	u, err := url.Parse(o.URL)
	require.NoError(t, err)
	var asked atomic.Int64
	proxy := forwarder(t, u.Host, &asked)
	b := setup(t, o, func(o *Options) {
		o.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Hostname() == "bucket.invalid" {
				return proxy, nil
			}
			return nil, nil
		}
	})
	b.task.URL = "http://bucket.invalid/object?token=old"
	_, err = b.fetch()
	require.NoError(t, err)
	b.published()
	require.Positive(t, asked.Load())

	before := asked.Load()
	require.NoError(t, b.root.Remove(b.task.Dest))
	b.task.URL = o.URL + "/object?token=old" // NO_PROXY
	_, err = b.fetch()
	require.NoError(t, err)
	require.Equal(t, before, asked.Load())
}

// What may be fetched does not depend on a proxy: hosts by name, and addresses that stand in the URL.
func TestHostPolicyHoldsBehindAProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	proxy := forwarder(t, "127.0.0.1:1", &asked)
	o := newOrigin(t, 100)
	b := setup(t, o, func(o *Options) {
		o.Proxy = func(*http.Request) (*url.URL, error) { return proxy, nil }
		o.Hosts = HostPolicy{Allow: []string{"bucket.invalid"}}
	})
	for _, u := range []string{"https://elsewhere.invalid/", "https://169.254.169.254/latest", "https://127.0.0.1/",
		"http://bucket.invalid/"} {
		b.task.URL = u
		_, err := b.fetch()
		require.ErrorIs(t, err, ErrRefused, u)
	}
	require.Zero(t, asked.Load())
}

// Without a proxy for it, the proxy's own address is no way around the check of addresses.
func TestDirectConnectionsAreChecked(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 100)
	u, err := url.Parse(o.URL)
	require.NoError(t, err)
	c := NewHTTPClient(HostPolicy{}, func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "bucket.invalid" {
			return u, nil
		}
		return nil, nil
	})
	_, err = c.Get(o.URL)
	require.ErrorIs(t, err, ErrRefused)
	resp, err := c.Get("http://bucket.invalid/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	c.CloseIdleConnections()
}
