package download

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// ErrRefused means that a source is not allowed, or that its answer was one that is never accepted, such as a redirect.
var ErrRefused = errors.New("source refused")

// HostPolicy says which hosts bytes may be exchanged with. Link-local addresses, among them the metadata services of AWS, are never
// allowed.
type HostPolicy struct {
	Allow    []string // host names, addresses, or *.suffix; empty allows every host
	Insecure bool     // also http, and loopback addresses
}

// metadata are addresses of metadata services that are not link-local.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23")}

// Check refuses a URL that the policy does not allow.
func (p HostPolicy) Check(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%w: not a URL", ErrRefused) // err repeats the URL, and that is a credential
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !p.Insecure) {
		return fmt.Errorf("%w: scheme %q", ErrRefused, u.Scheme)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "" || u.User != nil {
		return fmt.Errorf("%w: no host, or a user in the URL", ErrRefused)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if err := p.checkAddr(addr); err != nil {
			return err
		}
	}
	if len(p.Allow) > 0 && !slices.ContainsFunc(p.Allow, func(a string) bool { return matches(a, host) }) {
		return fmt.Errorf("%w: host %q is not among the allowed ones", ErrRefused, host)
	}
	return nil
}

func matches(allowed, host string) bool {
	allowed = strings.ToLower(allowed)
	if suffix, ok := strings.CutPrefix(allowed, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == allowed
}

func (p HostPolicy) checkAddr(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	switch {
	case addr.IsLinkLocalUnicast(), addr.IsMulticast(), addr.IsUnspecified(), slices.Contains(metadata, addr):
		return fmt.Errorf("%w: address %s", ErrRefused, addr)
	case addr.IsLoopback() && !p.Insecure:
		return fmt.Errorf("%w: loopback address %s", ErrRefused, addr)
	}
	return nil
}

// control checks the address that a name was resolved to, right before the connection is made. So a name that passes Check and
// then resolves to a forbidden address is refused, too (DNS rebinding).
func (p HostPolicy) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: address %q", ErrRefused, address)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%w: address %q", ErrRefused, address)
	}
	return p.checkAddr(addr)
}
