package server_test

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// latencies sums up calls.
type latencies struct {
	count              int
	p50, p90, p99, max time.Duration
}

func summary(calls []time.Duration) latencies {
	if len(calls) == 0 {
		return latencies{}
	}
	slices.Sort(calls)
	at := func(percent int) time.Duration { return calls[min(len(calls)-1, len(calls)*percent/100)] }
	return latencies{len(calls), at(50), at(90), at(99), calls[len(calls)-1]}
}

func (l latencies) String() string {
	r := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("%6d  p50 %-8s p90 %-8s p99 %-8s max %s", l.count, r(l.p50), r(l.p90), r(l.p99), r(l.max))
}

// measure forgets the calls so far, waits and sums up those since, by kind in the log and all together.
func (l *load) measure(what string) latencies {
	l.mu.Lock()
	clear(l.calls)
	l.repeated.Store(0)
	l.mu.Unlock()
	began := time.Now()
	for time.Since(began) < *loadFor || (l.made() < 20 && time.Since(began) < patience) {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []time.Duration
	l.t.Logf("%s, %d agents, %s:", what, *loadAgents, took.Round(time.Millisecond))
	for _, kind := range slices.Sorted(maps.Keys(l.calls)) {
		l.t.Logf("  %-9s %s", kind, summary(l.calls[kind]))
		all = append(all, l.calls[kind]...)
	}
	sum := summary(all)
	l.t.Logf("  %-9s %s  (%.0f/s; %d tries repeated)", "all", sum, float64(sum.count)/took.Seconds(), l.repeated.Load())
	return sum
}

// made is how many calls were answered.
func (l *load) made() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, calls := range l.calls {
		count += len(calls)
	}
	return count
}

// halfOpen holds connections that begin a request and never end it, and opens each anew that the server gives up.
func halfOpen(t *testing.T, addr string, n int) (release func()) {
	t.Helper()
	stop := make(chan struct{})
	var all, opened sync.WaitGroup
	opened.Add(n)
	for range n {
		all.Go(func() {
			for first := true; ; first = false {
				conn, err := net.DialTimeout("tcp", addr, time.Minute)
				if err == nil {
					_, err = conn.Write([]byte("POST /v1/leases HTTP/1.1\r\nHost: backend\r\nX-Gateway-Caller: slow\r\nX-"))
				}
				if first {
					opened.Done()
				}
				if err != nil {
					t.Error(err)
					return
				}
				ended := make(chan struct{})
				go func() { _, _ = conn.Read(make([]byte, 1)); close(ended) }()
				select {
				case <-ended:
				case <-stop:
				}
				_ = conn.Close()
				<-ended
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	opened.Wait()
	return func() { close(stop); all.Wait() }
}
