package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/time/rate"

	"scalable-backend/services/backend"
)

// How many wrong tokens an address may show at once, and how many a second from then on. At the sign-in form, where a person mistypes,
// it is fewer. Right tokens do not count.
const (
	wrongBurst  = 100
	wrongRate   = rate.Limit(2)
	signInBurst = 10
	signInRate  = rate.Limit(1.0 / 6)
)

// bearer finds the caller of a token. Once an address has shown too many wrong ones, only tokens that were right lately are looked up
// for it: others behind the same address go on working.
func (a *API) bearer(r *http.Request, token string, wrong *limiter) (backend.Caller, error) {
	from := address(r)
	if _, ok := a.tokens.known(token); !ok {
		if err := wrong.exhausted(from); err != nil {
			return backend.Caller{}, err
		}
	}
	caller, err := a.tokens.caller(r.Context(), token)
	if backend.CodeOf(err) == backend.Unauthorized && token != "" {
		_ = wrong.allow(from) // counts
		a.config.Logger.LogAttrs(r.Context(), slog.LevelWarn, "wrong token",
			slog.String("address", from), slog.String("path", r.URL.Path), slog.String("trace_id", infoOf(r.Context()).trace))
	}
	return caller, err
}

// address is where a request comes from: what the load balancer says, which appends the address that it sees to a header that
// anybody may send. Of an IPv6 address it is the network, which one customer of a provider has to himself.
func address(r *http.Request) string {
	text := r.RemoteAddr
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	if values := r.Header.Values("X-Forwarded-For"); len(values) > 0 {
		list := values[len(values)-1]
		text = strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64)
	return network.String()
}
