// Package demo runs the whole data flow on one machine: a private PostgreSQL and S3-compatible server, two backends behind a
// balancer and a gateway stand-in, and agents as real processes. Files go up by presigned parts, jobs are submitted; on the way
// the database restarts, one agent is paused beyond its leases and another is killed; in the end every file's digest is checked
// in what the agents published.
package demo

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Settings size the demo.
type Settings struct {
	Files  int   // DEMO_FILES: how many files, at least 5
	Bytes  int64 // DEMO_BYTES: their bytes together
	Agents int   // DEMO_AGENTS: how many agents, 1 to 16; one more replaces the one that is killed
	Keep   bool  // DEMO_KEEP=1: leave everything running until Ctrl-C

	Backend []string // DEMO_BACKEND: a command in the place of our backend, its words divided by spaces; nil is ours
}

// The part size of the demo's files, and with it the size of the edge cases.
const partSize = 8 << 20

// edgeSizes are always among the files: empty, one byte, exactly one part, one part and a byte.
var edgeSizes = []int64{0, 1, partSize, partSize + 1}

const edgeBytes = 0 + 1 + partSize + partSize + 1

// ParseSettings reads the DEMO_ variables. All problems are in the one error.
func ParseSettings(env map[string]string) (Settings, error) {
	s := Settings{Files: 200, Bytes: 1 << 30, Agents: 3}
	var errs []error
	problem := func(key, want string) {
		errs = append(errs, fmt.Errorf("%s=%q: want %s", key, env[key], want))
	}
	if words := strings.Fields(env["DEMO_BACKEND"]); len(words) > 0 {
		if _, err := exec.LookPath(words[0]); err != nil {
			problem("DEMO_BACKEND", "a command that is installed here: "+err.Error())
		}
		s.Backend = words
	}
	if v := env["DEMO_FILES"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < len(edgeSizes)+1 || n > 100_000 {
			problem("DEMO_FILES", fmt.Sprintf("a number from %d to 100000", len(edgeSizes)+1))
		}
		s.Files = n
	}
	if v := env["DEMO_BYTES"]; v != "" {
		n, err := parseBytes(v)
		if err != nil || n < edgeBytes+int64(s.Files) {
			problem(
				"DEMO_BYTES",
				fmt.Sprintf(
					"bytes, as 2147483648, 512MiB or 2GiB, at least %d for the edge cases and a byte in each other file",
					edgeBytes+int64(max(s.Files, 0)),
				),
			)
		}
		s.Bytes = n
	}
	if v := env["DEMO_AGENTS"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 16 {
			problem("DEMO_AGENTS", "a number from 1 to 16")
		}
		s.Agents = n
	}
	switch v := env["DEMO_KEEP"]; v {
	case "", "0":
	case "1":
		s.Keep = true
	default:
		problem("DEMO_KEEP", "0 or 1")
	}
	return s, errors.Join(errs...)
}

func parseBytes(text string) (int64, error) {
	factor := int64(1)
	for _, unit := range []struct {
		suffix string
		factor int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		if rest, ok := strings.CutSuffix(text, unit.suffix); ok {
			text, factor = rest, unit.factor
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > (1<<50)/factor {
		return 0, errors.New("out of range")
	}
	return n * factor, nil
}

func formatBytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// count writes a number and what it counts.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
