package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// example is a report that has something of every part.
func example() *report {
	took := func(cpu, wall float64, rss int64) []sample {
		return []sample{{CPU: time.Duration(cpu * 1e9), Wall: time.Duration(wall * 1e9), RSS: rss * mib}}
	}
	by := measuredBy{Date: "2026-11-27", Load: 0.25}
	queue := func(name string, workers int, ceiling bool, rates ...float64) queueRow {
		costs := []counters{{CPU: 900 * time.Microsecond}, {CPU: 500 * time.Microsecond, LogBytes: 4000, Flushes: 0.25, Updates: 4, HOT: 3}, {}}
		return queueRow{Name: name, Ours: strings.HasPrefix(name, "ours"), Ceiling: ceiling, Workers: workers, Rates: rates, Costs: costs}
	}
	grown := func(jobs int, p99 time.Duration) growthRow {
		return growthRow{
			Jobs: jobs, BytesPerJob: 1250, BytesPerFile: 1200, Sweep: time.Millisecond, Pages: []timedPage{{"API: 50 jobs", 2 * time.Millisecond}},
			Crews: []crewRow{{Agents: 1, ClaimP99: p99}, {
				Agents: 1000, ClaimP99: 2 * p99, Rate: 200, Claims: 6000, Empty: 600, Beats: 1200, Backend: 0.23, DB: 0.46, Clients: 0.1,
			}},
		}
	}
	unfinished := result{peer{Name: "d", Shell: "d", Limit: time.Minute}, []sample{{Wall: time.Minute, Unfinished: true}}}
	r := &report{Machine: []string{"two cores"}, Failed: []string{"queue: x: no\n reason"}}
	r.Downloads.add(by, transfer{"download 1 × 2 GiB, TLS", 2 * gib, []result{
		{peer{Name: "agent fetch", Ours: true, Shell: "agent"}, took(4, 6, 30)}, {peer{Name: "a & b", Shell: "ab"}, took(5, 9, 10)},
		{peer{Name: "c", Shell: "c"}, took(9, 3, 40)}, unfinished,
	}})
	r.Memory.add(by, memoryRow{Bytes: kib, RSS: 10 * mib}, memoryRow{Bytes: gib, RSS: 80 * mib}, memoryRow{Bytes: 8 * gib, Omitted: "no room"})
	r.Queue.add(by, queue("ours, 8 agents, 1 at a time", 8, false, 1800), queue("pgbench", 8, true, 3600),
		queue("ours, 8 agents, 10 at a time", 8, false, 2000, 2400, 2200), queue("River", 8, false, 2000),
		queue("ours, 80 agents, 1 at a time", 80, false, 2500), queue("ours, 80 agents, 10 at a time", 80, false, 2500))
	r.Held.add(by, heldRow{Workers: 80, Batch: 1, Held: time.Minute, Before: 900, While: 700, First: 800, Last: 600, After: 850})
	r.Growth.add(by, grown(10, time.Millisecond), grown(1000, 2*time.Millisecond), grown(10_000_000, 3*time.Millisecond))
	r.Waiting.add(by, waitingRow{Agents: 1000, RSS: 50 * mib, RSSBefore: 30 * mib, Backend: 0.01})
	r.Requests.add(by, requestRow{Title: "GET a file", Rate: 600, Bare: 2000, PostgresTPS: 1000})
	r.Starts.add(by, startRow{"agent", 200 * time.Millisecond, []time.Duration{150 * time.Millisecond}},
		startRow{"backend", time.Second, []time.Duration{2 * time.Second}})
	r.Builds.add(by, buildRow{"cold", took(300, 200, 900)[0]})
	return r
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
		{"a & b", 0.8, true}, {"c", 2, false}, {"a & b", 3, false}, // not d, which did not finish
		{"itself", 30, true}, {"itself", 80, false},
		{"River", 1.1, false}, {"pgbench, same SQL", 0.5, false},
		{"itself", 1.5, true}, {"itself", 1.5, true}, // from 1,000 jobs on, for 1 and for 1,000 agents
		{"pgbench", 0.6, false}, {"itself", 0.15, true}, {"itself", 2, false},
	}, found)
}

func TestDocument(t *testing.T) {
	text := example().markdown()
	for _, line := range []string{
		"| download 1 × 2 GiB, TLS: CPU | a & b | at most 0.9 × | 0.80 × | reached |",
		"| download 1 × 2 GiB, TLS: wall | c | at most 1 × | 2.00 × | **not reached** |",
		"| **agent fetch** | 2.00 (2.00–2.00) | 6.00 (6.00–6.00) | 358 | 30 |", "| d |  | not done in 60 |  | 0 |",
		"| **ours, 8 agents, 10 at a time** | 2200 (2000–2400) | 500 | 4000 | 0.25 | 75 |",
		"| 8 GiB | not measured: no room |  |  |", "| 80 | 1 | 60 | 900 | 700 | 800 | 600 | 850 | 0 | 0 |",
		"| 10,000,000 | 1,000 | 200 | 0.00 | 6.00 | 0.00 | 0.00 |  |  | 600 | 0 | 0 | 0.23 + 0.46 + 0.10 |",
		"| 10,000,000 | 1250 | 1200 | 0 | 1.00 | 2.00 |", "| cold | 200.0 | 300.0 | 900 |",
		"Measured on 2026-11-27 by `make bench`, load before: 0.2.", "- queue: x: no reason", "- two cores", "c:\n\n```sh\nc\n```",
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

// A report is the same once it was written and read.
func TestFiguresAreKept(t *testing.T) {
	dir := t.TempDir()
	prices, err := readPrices(repository(t))
	require.NoError(t, err)
	require.NoError(t, example().write(dir, prices))
	again, err := readReport(filepath.Join(dir, "benchmarks.json"))
	require.NoError(t, err)
	require.Equal(t, example().markdown(), again.markdown())
	text, err := os.ReadFile(filepath.Join(dir, "benchmarks.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "Env", "it holds tokens")
}

// A run replaces the parts that it has measured, and does not forget how far growth was followed.
func TestMerge(t *testing.T) {
	by := measuredBy{Date: "2026-11-28"}
	newer := &report{Machine: []string{"four cores"}}
	newer.Starts.add(by, startRow{Title: "agent"})
	newer.Growth.add(by, growthRow{Jobs: 1000})
	r := example()
	r.merge(newer, false)
	require.Equal(t, "2026-11-28", r.Starts.Date)
	require.Len(t, r.Starts.Rows, 1)
	require.Equal(t, "2026-11-27", r.Queue.Date)
	require.Empty(t, r.Failed)
	require.Equal(t, 10_000_000, mostJobs(r.Growth.Rows))
	r.merge(newer, true)
	require.Equal(t, 1000, mostJobs(r.Growth.Rows))
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
