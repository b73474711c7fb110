package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Balancer spreads requests over backends in turn. A backend that does not take the connection is passed over: nothing of the
// request has been sent then, so any method may go to the next one. A read goes to the next one after any failure: a backend
// that is just closing its port may take a connection and drop it. (On AWS a backend is deregistered before it stops.)
type Balancer struct {
	proxy  httputil.ReverseProxy
	spread *spread
}

// NewBalancer balances over backends, each a host:port.
func NewBalancer(backends ...string) *Balancer {
	b := &Balancer{spread: &spread{next: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
	}}}
	b.Set(backends...)
	b.proxy.Rewrite = func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme = "http"
		r.Out.URL.Host = "backend" // replaced by the transport
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}
	b.proxy.Transport = b.spread
	b.proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusBadGateway)
	}
	return b
}

// Set has all new requests go to these backends. Those that are under way at another one go on there: so a backend is deregistered.
func (b *Balancer) Set(backends ...string) { b.spread.backends.Store(&backends) }

func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.proxy.ServeHTTP(w, r) }

// RoundTrip sends a request to one of the backends, whatever host it names: so a VPC link ends.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.proxy.Transport.RoundTrip(r)
}

type spread struct {
	backends atomic.Pointer[[]string]
	turn     atomic.Uint64
	next     http.RoundTripper
}

func (s *spread) RoundTrip(r *http.Request) (*http.Response, error) {
	first, backends := s.turn.Add(1), *s.backends.Load()
	var errs []error
	for i := range uint64(len(backends)) {
		out := r.Clone(r.Context())
		out.URL = &url.URL{
			Scheme:   "http",
			Host:     backends[(first+i)%uint64(len(backends))],
			Path:     r.URL.Path,
			RawPath:  r.URL.RawPath,
			RawQuery: r.URL.RawQuery,
		}
		if r.Body != nil {
			out.Body = io.NopCloser(r.Body) // a transport that fails closes the body, and the next backend needs it
		}
		resp, err := s.next.RoundTrip(out)
		if err == nil {
			return resp, nil
		}
		errs = append(errs, err)
		if op, ok := errors.AsType[*net.OpError](err); !isRead(r) && (!ok || op.Op != "dial") {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func isRead(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Body == nil
}
