package download

import (
	"net"
	"net/http"
	"net/url"
	"time"
)

// ProxyFunc returns the proxy that a request goes through; nil without one. http.ProxyFromEnvironment is one.
type ProxyFunc func(*http.Request) (*url.URL, error)

// NewHTTPClient returns a client for presigned URLs: it follows no redirect, has no body decoded, and carries one request per
// connection at a time, so that several requests use several connections. A nil proxy asks HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
//
// Connections that it makes itself go only to addresses that hosts allows, whatever a name resolves to. A proxy resolves the name
// itself, and so is not checked: then HostPolicy.Check, which looks at the URL's host, is the only check. Behind a proxy, name
// the hosts that are allowed.
func NewHTTPClient(hosts HostPolicy, proxy ProxyFunc) *http.Client {
	checked := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, Control: hosts.control}
	free := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second} // to the proxy, which may be on any address
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	proxied := transport(free)
	proxied.Proxy = proxy
	return &http.Client{
		Transport: &byProxy{choose: proxy, direct: transport(checked), proxied: proxied},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

func transport(dialer *net.Dialer) *http.Transport {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		DialContext:         dialer.DialContext,
		Protocols:           &http1,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 4 * maxConnections,
		IdleConnTimeout:     15 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

// byProxy has two transports, so that no direct connection escapes the check of its address.
type byProxy struct {
	choose          ProxyFunc
	direct, proxied *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (b *byProxy) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := b.choose(req)
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return b.direct.RoundTrip(req)
	}
	return b.proxied.RoundTrip(req)
}

// CloseIdleConnections is called by http.Client.
func (b *byProxy) CloseIdleConnections() {
	b.direct.CloseIdleConnections()
	b.proxied.CloseIdleConnections()
}
