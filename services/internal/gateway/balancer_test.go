package gateway

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A backend that takes connections and drops them costs a read nothing. A write may have been carried out, so it is not sent
// again.
func TestBalancerRepeatsReadsAlone(t *testing.T) {
	t.Parallel()
	dropping, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { dropping.Close() })
	go func() {
		for {
			conn, err := dropping.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	var served atomic.Int64
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	t.Cleanup(good.Close)
	front := httptest.NewServer(NewBalancer(dropping.Addr().String(), strings.TrimPrefix(good.URL, "http://")))
	t.Cleanup(front.Close)

	for range 10 {
		resp, err := http.Get(front.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	require.EqualValues(t, 10, served.Load())

	statuses := map[int]int{}
	for range 10 {
		resp, err := http.Post(front.URL, "text/plain", strings.NewReader("once"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		statuses[resp.StatusCode]++
	}
	require.Equal(t, map[int]int{http.StatusOK: 5, http.StatusBadGateway: 5}, statuses)
}
