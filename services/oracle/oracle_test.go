package oracle

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var (
	seedFlag = flag.Uint64("seed", 0, "what decides what is done when; 0 is a new one")
	forFlag  = flag.Duration("for", 0, "how long faults are made; 0 is 30s")
)

// settings come from flags, else from the environment.
func settings(t *testing.T) (seed uint64, length time.Duration) {
	t.Helper()
	seed, length = *seedFlag, *forFlag
	if text := os.Getenv("ORACLE_SEED"); seed == 0 && text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "ORACLE_SEED")
	}
	if text := os.Getenv("ORACLE_FOR"); length == 0 && text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err, "ORACLE_FOR")
	}
	return cmp.Or(seed, rand.Uint64()%1_000_000+1), cmp.Or(length, 30*time.Second)
}

func TestNothingIsLostAndNothingIsDoneTwice(t *testing.T) {
	seed, length := settings(t)
	t.Logf("seed %d, faults for %s: repeat with go test ./oracle -args -seed=%d -for=%s", seed, length, seed, length)
	s := startSystem(t, seed)
	s.upload()
	g, ctx := errgroup.WithContext(t.Context())
	end := time.Now().Add(length)
	for i := range s.slots {
		g.Go(func() error { return s.troubleAgent(ctx, s.slots[i], s.rng(1+uint64(i)), end) })
	}
	g.Go(func() error { return s.troubleBackends(ctx, s.rng(100), end) })
	g.Go(func() error { return s.troubleDatabase(ctx, s.rng(101), end) })
	g.Go(func() error { return s.order(ctx, s.rng(102), end) })
	g.Go(func() error { return s.troubleUploads(ctx, s.rng(103), end) })
	require.NoError(t, g.Wait())
	s.drain()
	s.stopAgents()
	s.judge()
	s.judgeBucket()
}
