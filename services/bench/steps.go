package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"
)

// step is a row, or some that are measured together.
type step struct {
	part  string // of the report; ONLY chooses parts by this name
	title string
	takes time.Duration // about, on two cores that do nothing else
	run   func(ctx context.Context) error
}

// chosen are the steps whose part and title match.
func chosen(all []step, parts, titles *regexp.Regexp) (some []step) {
	for _, s := range all {
		if parts.MatchString(s.part) && titles.MatchString(s.title) {
			some = append(some, s)
		}
	}
	return some
}

// patience is how many times what it should take a step may take, and five minutes more. Then it has failed, so that a peer that hangs does
// not hold up the rest for ever; a machine that is busy with other work is no reason.
const patience = 10

// runSteps runs all steps and says how far it is. A step that fails does not keep the others from running: its reason is returned. After
// the last step of a part it calls done.
func runSteps(ctx context.Context, out io.Writer, steps []step, done func()) (failed []string) {
	began := time.Now()
	var expected time.Duration // of the steps that are done
	for i, s := range steps {
		fmt.Fprintf(out, "%2d of %d, about %s left: %s: %s ... ", i+1, len(steps), left(time.Since(began), expected, steps[i:]), s.part, s.title)
		at := time.Now()
		err := runStep(ctx, s)
		fmt.Fprintf(out, "%.0f s\n", time.Since(at).Seconds())
		if err != nil {
			reason := err.Error()
			if len(reason) > longestReason {
				reason = reason[:longestReason] + " …"
			}
			fmt.Fprintf(out, "   FAILED: %s\n", reason)
			failed = append(failed, fmt.Sprintf("%s: %s: %s", s.part, s.title, reason))
		}
		if ctx.Err() != nil {
			return append(failed, "stopped: the steps after it did not run")
		}
		if i == len(steps)-1 || steps[i+1].part != s.part {
			done()
		}
		expected += s.takes
	}
	return failed
}

// longestReason bounds what is told of a failure: a program may have printed much.
const longestReason = 2000

func runStep(ctx context.Context, s step) error {
	limit := patience*s.takes + 5*time.Minute
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.run(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("not done within %s: %w", limit, err)
	}
	return err
}

// left is how long steps will take, if they are as much slower than they should be as those before were.
func left(took, expected time.Duration, steps []step) time.Duration {
	const weight = time.Minute // so that the first short step does not decide
	slower := (took + weight).Seconds() / (expected + weight).Seconds()
	var sum time.Duration
	for _, s := range steps {
		sum += s.takes
	}
	return time.Duration(sum.Seconds() * slower * float64(time.Second)).Round(10 * time.Second)
}
