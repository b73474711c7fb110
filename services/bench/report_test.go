package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func example() *report {
	took := func(cpu, wall float64, rss int64) []sample {
		return []sample{{time.Duration(cpu * 1e9), time.Duration(wall * 1e9), rss * mib}}
	}
	cost := []counters{{CPU: 700 * time.Microsecond, LogBytes: 900, Flushes: 0.25}}
	return &report{
		Rounds: 1, Took: 90 * time.Second, Machine: []string{"two cores"},
		Downloads: []transfer{{"download 1 × 2 GiB", 2 * gib, []result{
			{peer{Name: "agent fetch", Ours: true, Shell: "agent"}, took(4, 6, 30)}, {peer{Name: "a & b", Shell: "ab"}, took(5, 9, 10)},
			{peer{Name: "c", Shell: "c"}, took(9, 3, 40)},
		}}},
		Queue: []queueRow{
			{Name: "ours, 8", Ours: true, Workers: 8, Rates: []float64{1800}, Costs: cost},
			{Name: "ours, 8, 10", Ours: true, Workers: 8, Rates: []float64{2000, 2400, 2200}, Costs: cost},
			{Name: "River", Workers: 8, Rates: []float64{2000}, Costs: cost},
		},
		Growth:   []growthRow{{Queued: 1, Ended: 1, ClaimP99: 2 * time.Millisecond}, {Queued: 5, Ended: 5, ClaimP99: 3 * time.Millisecond}},
		Requests: []requestRow{{Title: "GET a file", Rate: 600, Bare: 2000, PostgresTPS: 1000}},
		Starts: []startRow{
			{"agent", 200 * time.Millisecond, []time.Duration{150 * time.Millisecond}}, {"backend", time.Second, []time.Duration{2 * time.Second}},
		},
	}
}

// Each figure is compared with the best peer of that figure.
func TestGoals(t *testing.T) {
	type outcome struct {
		against string
		got     float64
		met     bool
	}
	var found []outcome
	for _, g := range example().goals() {
		found = append(found, outcome{g.Against, float64(int(g.Got*1000+0.5)) / 1000, g.met()})
	}
	require.Equal(t, []outcome{
		{"a & b", 0.8, true}, {"c", 2, false}, {"a & b", 3, false}, {"River", 1.1, false}, {"itself", 1.5, true}, {"pgbench", 0.6, false},
		{"itself", 0.15, true}, {"itself", 2, false},
	}, found)
}

func TestDocument(t *testing.T) {
	text := example().markdown()
	for _, line := range []string{
		"| download 1 × 2 GiB: CPU | a & b | at most 0.9 × | 0.80 × | reached |",
		"| download 1 × 2 GiB: wall | c | at most 1 × | 2.00 × | **not reached** |",
		"| **agent fetch** | 2.00 (2.00–2.00) | 6.00 (6.00–6.00) | 358 | 30 |", "| **ours, 8, 10** | 2200 (2000–2400) | 700 | 900 | 0.25 |",
		"- two cores", "c:\n\n```sh\nc\n```",
	} {
		require.Contains(t, text, line+"\n")
	}
	decoder := xml.NewDecoder(strings.NewReader(example().picture()))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}

func TestPublicDoor(t *testing.T) {
	log := "not JSON\n" + `{"msg":"listening","door":"gateway","addr":"127.0.0.1:1"}` + "\n"
	require.Empty(t, publicDoor(log))
	require.Equal(t, "http://127.0.0.1:2", publicDoor(log+`{"msg":"listening","door":"public","addr":"127.0.0.1:2"}`+"\n"))
}

func TestVersionsAreThoseOfModules(t *testing.T) {
	require.Contains(t, versionOf("/nowhere", "x"), "no such file")
	require.Equal(t, "x is not in it", versionOf("", "x"))
}

func TestUnknownPeers(t *testing.T) {
	require.EqualError(t, runPeer(t.Context(), []string{"get"}), "unknown peer get")
}
