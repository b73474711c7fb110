package cli

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"
)

// screen is a terminal that wraps its lines anew when its width changes, as most do: lines as they were written, the cursor below
// the last one.
type screen struct {
	mu            sync.Mutex
	columns, rows int
	lines         []string
}

func (s *screen) size() (columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows
}

func (s *screen) resize(columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.columns, s.rows = columns, rows
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	up := strings.Count(text, eraseAbove)
	text = strings.ReplaceAll(text, eraseAbove, "")
	for up = min(up, s.rows-1); up > 0; {
		last := len(s.lines) - 1
		if up -= s.height(s.lines[last]); up < 0 {
			s.lines[last] = "the rest of " + s.lines[last]
			break
		}
		s.lines = s.lines[:last]
	}
	if text != "" {
		s.lines = append(s.lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return len(p), nil
}

func (s *screen) height(line string) int {
	return max(1, (runewidth.StringWidth(line)+s.columns-1)/s.columns)
}

// still returns bars that are drawn by hand alone.
func still(s *screen, files int, done func() int64) *bars {
	b := &bars{out: s, size: s.size, stop: make(chan struct{}), ended: make(chan struct{})}
	for i := range files {
		b.add(&bar{name: fmt.Sprintf("a/long/文件/name-of-a-file-%d.bin", i), total: 100 * mib, steps: []step{{"hashing ", done}, {"", done}}})
	}
	b.add(&bar{name: plural(files, "file"), total: 100 * mib, steps: []step{{done: done}}, left: true})
	return b
}

// However the terminal changes its width: what stays is what was written above the bars, and the bars are there once.
func TestBarsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := &screen{columns: 80, rows: 24, lines: []string{"$ agent upload"}}
	n := int64(0)
	b := still(s, 3, func() int64 { n += mib; return n })
	for i, size := range [][2]int{{80, 24}, {60, 24}, {33, 24}, {21, 10}, {200, 50}, {80, 24}, {79, 30}, {80, 24}} {
		s.resize(size[0], size[1])
		time.Sleep(2 * time.Millisecond) // a speed needs a while
		_, err := fmt.Fprintf(b, "skipped %d\n", i)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(s.text(), "3 files"), "%v:\n%s", size, s.text())
		require.NotContains(t, s.text(), "the rest of")
		for _, line := range s.lines {
			require.LessOrEqual(t, runewidth.StringWidth(line), max(size[0]-1, len("$ agent upload")), line)
		}
	}
	b.stopped = true
	require.NoError(t, b.redraw(nil))
	require.Equal(t, "$ agent upload\nskipped 0\nskipped 1\nskipped 2\nskipped 3\nskipped 4\nskipped 5\nskipped 6\nskipped 7", s.text())
}

// More files than rows: as many as there is room for, and the sum last.
func TestBarsFitTheTerminal(t *testing.T) {
	t.Parallel()
	for rows, want := range map[int]string{24: "and 19 files more", 42: "", 3: "and 40 files more", 2: ""} {
		s := &screen{columns: 80, rows: rows}
		b := still(s, 40, func() int64 { return 0 })
		for range 3 {
			require.NoError(t, b.redraw(nil))
			require.Len(t, s.lines, min(rows-1, 41))
			require.Contains(t, s.lines[len(s.lines)-1], "40 files")
			require.Contains(t, s.text(), want)
			require.Equal(t, want != "", strings.Contains(s.text(), "more"), rows)
		}
	}
}

func TestBarsEndWhenInterrupted(t *testing.T) {
	t.Parallel()
	s := &screen{columns: 80, rows: 24}
	interrupted := make(chan struct{})
	b := newBars(s, s.size, interrupted)
	end := b.add(&bar{name: "f", total: 1, steps: []step{{done: func() int64 { return 0 }}}})
	require.Eventually(t, func() bool { return strings.Contains(s.text(), "f  [>") }, patience, time.Millisecond)
	close(interrupted)
	<-b.ended
	require.Empty(t, s.text())
	_, err := b.Write([]byte("a line\n"))
	require.NoError(t, err)
	end()
	b.stopAll()
	require.Equal(t, "a line", s.text())
}

// The line of a file says what is done with it, and the sum how long it will take: measured, not counting what was done earlier.
func TestBarsMeasure(t *testing.T) {
	t.Parallel()
	var hashed, sent int64
	b := &bar{name: "f", total: 100 * mib, left: true, steps: []step{
		{"hashing ", func() int64 { return hashed }}, {"", func() int64 { return sent }},
	}}
	now := time.Now()
	line := func(columns int) string {
		b.measure(now)
		return b.line(10, columns)
	}
	require.Regexp(t, `^hashing f   \[>-+\] 0 B / 100.0 MiB 0 B/s$`, line(78))
	now, hashed = now.Add(time.Second), 10*mib
	require.Contains(t, line(78), "] 10.0 MiB / 100.0 MiB 10.0 MiB/s 9s left")
	now, hashed, sent = now.Add(time.Second), 100*mib, 50*mib
	require.Contains(t, line(78), "f           [=")
	require.Contains(t, line(78), "] 50.0 MiB / 100.0 MiB 0 B/s", "sent by an earlier run")
	now, sent = now.Add(time.Second), 60*mib
	require.Contains(t, line(78), "10.0 MiB/s 4s left")
	require.Equal(t, "f           [========>-----] 60% 4s left", line(40))
	now, sent = now.Add(time.Second), 50*mib
	require.Contains(t, line(78), "50.0 MiB / 100.0 MiB", "a part is sent again")
	require.NotContains(t, line(78), "-1")
}
