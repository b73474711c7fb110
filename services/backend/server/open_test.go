package server_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/testenv"
)

// A database that restarts while a backend starts is waited for, wherever the start has come to.
func TestABackendWaitsForADatabaseThatGoesAwayWhileItStarts(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testenv.Database(t))
	require.NoError(t, err)
	database := u.Host
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var count atomic.Int64
	var open sync.WaitGroup
	t.Cleanup(func() {
		_ = relay.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := relay.Accept()
			if err != nil {
				return
			}
			if n := count.Add(1); n == 2 || n == 3 { // the first one was good: these are the migration's
				_ = conn.Close()
				continue
			}
			open.Go(func() { pass(conn, database) })
		}
	})
	u.Host = relay.Addr().String()
	r := start(t, environ(t, map[string]string{"BACKEND_DATABASE_URL": u.String()}))
	require.Greater(t, count.Load(), int64(3))
	r.stop()
	require.NoError(t, r.ended())
}

// pass carries bytes both ways until one side has closed.
func pass(a net.Conn, address string) {
	defer func() { _ = a.Close() }()
	b, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = b.Close() }()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}
