package main

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sender gives every connection bytes without end, once it has read one.
func sender(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 1)); err != nil {
					return
				}
				for err = nil; err == nil; {
					_, err = c.Write(make([]byte, 64*kib))
				}
			}()
		}
	}()
	return l.Addr().String()
}

func ask(t *testing.T, s *shaper) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	return c
}

func TestShapedConnections(t *testing.T) {
	s, err := newShaper(sender(t), 20e6, 50*time.Millisecond)
	require.NoError(t, err)
	began := time.Now()
	c := ask(t, s)
	_, err = io.ReadFull(c, make([]byte, 1))
	require.NoError(t, err)
	require.Greater(t, time.Since(began), 50*time.Millisecond)
	require.Positive(t, s.first.Load())
	_, err = io.ReadFull(c, make([]byte, 6e6))
	require.NoError(t, err)
	require.Greater(t, time.Since(began), 300*time.Millisecond, "6 MB at 20 MB/s, of which some have waited for us")
}

// With that fault, the third connection falls silent after a MiB, and the others do not.
func TestAStalledConnection(t *testing.T) {
	s, err := newShaper(sender(t), 0, 0)
	require.NoError(t, err)
	s.reset(stalled)
	var conns []net.Conn
	for range faultyConnection {
		c := ask(t, s)
		_, err = io.ReadFull(c, make([]byte, 1)) // so that they are counted in this order
		require.NoError(t, err)
		conns = append(conns, c)
	}
	for i, c := range conns {
		stalled, patience := i+1 == faultyConnection, time.Minute
		if stalled {
			patience = 2 * time.Second
		}
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		n, err := io.ReadFull(c, make([]byte, 8*mib))
		if stalled {
			require.Less(t, n, 2*mib)
			require.ErrorContains(t, err, "i/o timeout")
		} else {
			require.NoError(t, err)
		}
	}
	s.reset(none)
	require.Zero(t, s.first.Load())
}
