package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A step that fails does not keep the others from running, and is told of.
func TestStepsAfterAFailure(t *testing.T) {
	var ran []string
	one := func(name string, err error) step {
		return step{"queue", name, time.Minute, func(context.Context) error { ran = append(ran, name); return err }}
	}
	var out strings.Builder
	last := one("c", nil)
	last.part = "held"
	parts := 0
	failed := runSteps(t.Context(), &out, []step{one("a", errors.New("no disk")), one("b", nil), last}, func() { parts++ })
	require.Equal(t, []string{"a", "b", "c"}, ran)
	require.Equal(t, 2, parts)
	require.Equal(t, []string{"queue: a: no disk"}, failed)
	require.Regexp(t, `^ 1 of 3, about \S+ left: queue: a \.\.\. \d+ s
   FAILED: no disk
 2 of 3, about \S+ left: queue: b \.\.\. \d+ s
 3 of 3, about \S+ left: held: c \.\.\. \d+ s
$`, out.String())
}

func TestStepsStopWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := step{"queue", "a", time.Minute, func(ctx context.Context) error { cancel(); return ctx.Err() }}
	never := step{"queue", "b", time.Minute, func(context.Context) error { t.Error("it ran"); return nil }}
	failed := runSteps(ctx, &strings.Builder{}, []step{stop, never}, func() { t.Error("a part was done") })
	require.Equal(t, []string{"queue: a: context canceled", "stopped: the steps after it did not run"}, failed)
}

// What is left is reckoned from how slow this machine was so far.
func TestLeft(t *testing.T) {
	steps := []step{{takes: time.Minute}, {takes: 2 * time.Minute}}
	require.Equal(t, 3*time.Minute, left(0, 0, steps))
	require.Equal(t, 6*time.Minute, left(19*time.Minute, 9*time.Minute, steps))
}

func TestParts(t *testing.T) {
	parts, err := partPattern("queue,held")
	require.NoError(t, err)
	everything := regexp.MustCompile("")
	all := []step{{part: "queue", title: "a"}, {part: "starts", title: "a"}, {part: "held", title: "b"}}
	require.Len(t, chosen(all, parts, everything), 2)
	require.Len(t, chosen(all, parts, regexp.MustCompile("b")), 1)
	_, err = partPattern("que")
	require.ErrorContains(t, err, `part "que": want some of downloads,`)
}

// Everything is measured by default but the builds, within ten minutes, and each part is one that ONLY knows.
func TestPlan(t *testing.T) {
	r := &rig{shaper: &shaper{}}
	sum := func(p plan) (parts map[string]bool, takes time.Duration) {
		parts = map[string]bool{}
		for _, s := range p.steps(r, &report{}) {
			require.Contains(t, partNames, s.part)
			require.Positive(t, s.takes)
			parts[s.part] = true
			takes += s.takes
		}
		return parts, takes
	}
	parts, takes := sum(plan{rounds: 3, jobs: 100_000})
	require.Len(t, parts, len(partNames)-1)
	require.Less(t, takes, 10*time.Minute)
	parts, _ = sum(plan{full: true, rounds: 3, jobs: 10_000_000})
	require.Len(t, parts, len(partNames))
}
