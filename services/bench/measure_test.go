package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeersRunInTurnInEmptyDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	var order []string
	check := func(dir string) error {
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) != 2 {
			err = errors.New("want what was prepared and what was made")
		}
		return err
	}
	peers := []peer{{Name: "a", Shell: "touch made", Check: check}, {Name: "b", Shell: `touch "$NAME"`, Env: []string{"NAME=x"}, Check: check}}
	results, err := inTurn(t.Context(), dir, peers, 2,
		func(_ int, p peer) error {
			order = append(order, p.Name)
			return os.WriteFile(filepath.Join(dir, "prepared"), nil, 0o600)
		})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "a", "b"}, order)
	require.Len(t, results, 2)
	require.Len(t, results[1].Samples, 2)
	require.NoDirExists(t, dir)
}

// CPU and memory are those of all processes of a peer, and not of this one.
func TestAPeersFigures(t *testing.T) {
	dir := t.TempDir()
	idle, err := once(t.Context(), dir, peer{Shell: "sleep 0.3"})
	require.NoError(t, err)
	require.Less(t, idle.CPU, 100*time.Millisecond)
	require.Greater(t, idle.Wall, 290*time.Millisecond)
	require.Less(t, idle.RSS, int64(10*mib), "this process has more")
	busy, err := once(t.Context(), dir, peer{Shell: "head -c 60000000 /dev/zero | tail -c 60000000 | (sleep 0.3; sha256sum) > /dev/null"})
	require.NoError(t, err)
	require.Greater(t, busy.CPU, idle.CPU)
	require.Greater(t, busy.RSS, int64(50*mib), "tail keeps it all")
}

func TestAFailingPeerSaysWhy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	_, err := inTurn(t.Context(), dir, []peer{{Name: "p", Shell: "echo no such host >&2; exit 3"}}, 1, nil)
	require.EqualError(t, err, "p, round 1: exit status 3: no such host")
	wrong := peer{Name: "p", Shell: "true", Check: func(string) error { return errors.New("wrong digest") }}
	_, err = inTurn(t.Context(), dir, []peer{wrong}, 1, nil)
	require.EqualError(t, err, "p, round 1: wrong digest")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = inTurn(ctx, dir, []peer{{Name: "p", Shell: "exec sleep 60"}}, 1, nil)
	require.ErrorContains(t, err, "signal: killed")
}

func TestMedians(t *testing.T) {
	r := result{Samples: []sample{{CPU: 3, Wall: 10}, {CPU: 1, Wall: 30}, {CPU: 2, Wall: 20}, {CPU: 100, Wall: 40}}}
	require.Equal(t, sample{CPU: 2, Wall: 25}, r.medians())
	least, most := spread(r.Samples, func(s sample) time.Duration { return s.CPU })
	require.Equal(t, []time.Duration{1, 100}, []time.Duration{least, most})
}
