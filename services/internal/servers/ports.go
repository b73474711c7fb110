package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Ports from which FreePort takes one. Systems give the ports above them, from 32768 (Linux) or 49152 (macOS), to whoever connects or
// listens without a wish: one of those may be somebody else's as soon as nobody listens on it.
const firstPort, lastPort = 20_000, 31_999

// FreeAddress returns 127.0.0.1 with a FreePort, for a server that is told where to listen.
func FreeAddress() (string, error) {
	port, err := FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// FreePort returns a port of 127.0.0.1 on which nobody listens, and which only those take who want just that one: it stays free while a
// server is started or started again.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.N(lastPort-firstPort+1)
		var l net.Listener
		if l, err = Listen("127.0.0.1:" + strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			break
		}
	}
	return 0, fmt.Errorf("looking for a free port from %d to %d: %w", firstPort, lastPort, err)
}

// Listen listens on a port of a loopback address, and says what is missing where the machine has no such address.
func Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		host, _, _ := net.SplitHostPort(addr)
		return nil, fmt.Errorf("this machine has no address %s, and everything here runs on IPv4's loopback: "+
			"switch it on (Linux: `ip address add 127.0.0.1/8 dev lo`; a container: one with IPv4): %w", host, err)
	}
	return l, err
}

// retryPorts runs start with free ports until it succeeds, three times at most: another process may take a port in between.
func retryPorts(start func(port int) error) error {
	var errs []error
	for range 3 {
		port, err := FreePort()
		if err != nil {
			return err
		}
		if err = start(port); err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
