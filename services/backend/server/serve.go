package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second // of a whole request
	writeTimeout      = 60 * time.Second // above the 29 s that API Gateway waits
	idleTimeout       = 75 * time.Second // above the load balancer's 60 s, so that it is the one to close
	maxHeaderBytes    = 64 << 10

	// maxLinger bounds how long the ports stay open once draining has begun.
	maxLinger = 5 * time.Second
)

type listener struct {
	door string
	net.Listener
	server *http.Server
}

// run serves until ctx ends, then drains.
func (s *server) run(ctx context.Context) error {
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	var serving errgroup.Group
	failed := make(chan struct{}, len(listeners))
	for _, l := range listeners {
		serving.Go(func() error {
			if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- struct{}{}
				return fmt.Errorf("serving the %s door: %w", l.door, err)
			}
			return nil
		})
		s.log.Info("listening", "door", l.door, "addr", l.Addr().String())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var chores errgroup.Group
	chores.Go(func() error { s.sweep(background); return nil })
	chores.Go(func() error { s.store.Listen(background, nil); return nil })

	select {
	case <-ctx.Done():
	case <-failed:
	}
	s.drain(listeners)
	// Sweeping goes on while requests do: this may be the only backend.
	stop()
	_ = chores.Wait()
	err = serving.Wait()
	s.log.Info("stopped")
	return err
}

func (s *server) listen(ctx context.Context) ([]listener, error) {
	doors := []struct {
		name, addr string
		handler    http.Handler
	}{
		{"public", s.config.PublicAddr, s.api.Public()},
		{"gateway", s.config.GatewayAddr, s.api.Gateway()},
	}
	var listeners []listener
	for _, d := range doors {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.addr)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("opening the %s door: %w", d.name, err)
		}
		listeners = append(listeners, listener{d.name, l, &http.Server{
			Handler:           d.handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}})
	}
	return listeners, nil
}

// drain tells everybody first: readyz fails, heartbeats say so, waits for work end, connections are not kept. A quarter of the
// time later the ports close, and what is in flight has the rest of it.
func (s *server) drain(listeners []listener) {
	limit := s.config.DrainTimeout
	s.log.Info("draining", "limit", limit.String())
	deadline := time.Now().Add(limit)
	s.service.Drain()
	for _, l := range listeners {
		l.server.SetKeepAlivesEnabled(false)
	}
	time.Sleep(min(limit/4, maxLinger))
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	var closing errgroup.Group
	for _, l := range listeners {
		closing.Go(func() error {
			if err := l.server.Shutdown(ctx); err != nil {
				s.log.Warn("requests were cut", "door", l.door, "error", err)
				return l.server.Close()
			}
			return nil
		})
	}
	_ = closing.Wait()
}
