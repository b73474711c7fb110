package main

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"scalable-backend/services/internal/servers"
)

// The shape of a connection to S3: its bytes a second, and the time from a request to its answer (services' design: one connection gives
// 85 to 90 MB/s).
const (
	shapedRate  = 85_000_000
	shapedDelay = 20 * time.Millisecond
	// faultyConnection is the one that has the fault, counted from 1 for each peer. It is not the first, so that a peer with one connection is
	// spared: it has no other one to go on with.
	faultyConnection = 3
	slowPart         = 20
)

// fault is what is wrong with one connection.
type fault int32

const (
	none    fault = iota
	stalled       // no byte any more after its first MiB, and no end
	slow          // a twentieth of the rate
)

// shaper stands between clients and a server, and makes each connection as slow as one over a network.
type shaper struct {
	Addr   string // host:port to connect to
	target string
	rate   float64 // bytes a second of a connection; 0 for as fast as it goes
	delay  time.Duration
	l      net.Listener
	count  atomic.Int64
	fault  atomic.Int32 // of one connection
	first  atomic.Int64 // when the first byte went to a client, Unix time in ns; 0 if none did
}

func newShaper(target string, rate float64, delay time.Duration) (*shaper, error) {
	l, err := servers.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &shaper{Addr: l.Addr().String(), target: target, rate: rate, delay: delay, l: l}
	go s.accept()
	return s, nil
}

// reset begins to count connections anew.
func (s *shaper) reset(f fault) {
	s.count.Store(0)
	s.first.Store(0)
	s.fault.Store(int32(f))
}

func (s *shaper) accept() {
	for {
		near, err := s.l.Accept()
		if err != nil {
			return
		}
		go s.carry(near, s.count.Add(1))
	}
}

func (s *shaper) carry(near net.Conn, number int64) {
	defer near.Close()
	far, err := net.Dial("tcp", s.target)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		buffer := make([]byte, 16*kib)
		for {
			n, err := near.Read(buffer)
			if n > 0 {
				time.Sleep(s.delay)
				if _, err := far.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				_ = far.Close()
				return
			}
		}
	}()
	rate, stop := s.rate, int64(-1)
	if number == faultyConnection {
		switch fault(s.fault.Load()) {
		case stalled:
			stop = mib
		case slow:
			rate /= slowPart
		}
	}
	pace(noted{near, &s.first}, far, rate, stop)
}

// noted writes, and notes when for the first time.
type noted struct {
	io.Writer
	first *atomic.Int64
}

func (n noted) Write(b []byte) (int, error) {
	n.first.CompareAndSwap(0, time.Now().UnixNano())
	return n.Writer.Write(b)
}

// pace copies at a rate, in bytes a second, or as fast as it goes if that is 0. After stop bytes it writes nothing more, and closes
// nothing; a negative stop is none.
func pace(to io.Writer, from io.Reader, rate float64, stop int64) {
	buffer := make([]byte, 64*kib)
	next := time.Now()
	for sent := int64(0); ; {
		n, err := from.Read(buffer)
		if n > 0 {
			if now := time.Now(); next.Before(now.Add(-10 * time.Millisecond)) {
				next = now // time without work is not saved up
			}
			if rate > 0 {
				next = next.Add(time.Duration(float64(n) / rate * float64(time.Second)))
				time.Sleep(time.Until(next))
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
			if sent += int64(n); stop >= 0 && sent >= stop {
				_, _ = io.Copy(io.Discard, from) // the client sees a connection that is silent
			}
		}
		if err != nil {
			return
		}
	}
}
