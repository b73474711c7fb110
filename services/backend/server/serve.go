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

	"scalable-backend/services/backend/config"
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
	chores.Go(func() error { s.sample(background); return nil })
	chores.Go(func() error { s.retain(background); return nil })
	chores.Go(func() error { s.sweepBucket(background); return nil })
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
			ReadHeaderTimeout: config.ReadHeaderTimeout,
			ReadTimeout:       config.ReadTimeout,
			WriteTimeout:      config.WriteTimeout,
			IdleTimeout:       config.IdleTimeout,
			MaxHeaderBytes:    config.MaxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}})
	}
	return listeners, nil
}

// drain tells everybody first: readyz fails, heartbeats say so, waits for work end, connections are not kept. A quarter of the
// time later the ports close, and what is in flight has the rest of it.
func (s *server) drain(listeners []listener) {
	limit := s.config.DrainTimeout
	s.log.Info("draining", "timeout", limit.String())
	deadline := time.Now().Add(limit)
	s.service.Drain()
	for _, l := range listeners {
		l.server.SetKeepAlivesEnabled(false)
	}
	time.Sleep(min(limit/4, config.MaxLinger))
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
