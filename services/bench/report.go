package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report is all that is known: what this run has measured, and of other parts what an earlier one has. It is kept as docs/benchmarks.json,
// from which the pages are written.
type report struct {
	Machine   []string // lines
	Failed    []string // rows of the last run, each with its reason
	Downloads section[transfer]
	Uploads   section[transfer]
	Memory    section[memoryRow]
	Queue     section[queueRow]
	Held      section[heldRow]
	Growth    section[growthRow]
	Waiting   section[waitingRow]
	Requests  section[requestRow]
	Starts    section[startRow]
	Builds    section[buildRow]
}

// measuredBy says of figures when and how they were measured.
type measuredBy struct {
	Date string  // of the run
	Load float64 // of the machine in the minute before the run
	Full bool    // whether it was one of BENCH=full
	Tiny bool    `json:",omitempty"` // whether it only tried the command: figures of little worth
}

func thisRun(full, tiny bool) measuredBy {
	return measuredBy{time.Now().UTC().Format(time.DateOnly), loadAverage(), full, tiny}
}

// section is what one run has measured of one part.
type section[T any] struct {
	measuredBy
	Rows []T
}

func (s *section[T]) add(by measuredBy, rows ...T) {
	s.measuredBy, s.Rows = by, append(s.Rows, rows...)
}

// heading is a section's title and where its figures come from.
func (s *section[T]) heading(b *strings.Builder, title string) {
	how := "`make bench`"
	switch {
	case s.Tiny:
		how = "a trial of the command (`-tiny`), which says little"
	case s.Full:
		how = "`make bench BENCH=full`"
	}
	fmt.Fprintf(b, "\n## %s\n\nMeasured on %s by %s, load before: %.1f.\n", title, s.Date, how, s.Load)
}

// take replaces a section by a newer one, if that has rows.
func take[T any](old *section[T], newer section[T]) {
	if len(newer.Rows) > 0 {
		*old = newer
	}
}

// merge takes over what a run has measured. A growth that was followed further stays, unless this run is about growth alone.
func (r *report) merge(newer *report, growthAlone bool) {
	r.Machine, r.Failed = newer.Machine, newer.Failed
	take(&r.Downloads, newer.Downloads)
	take(&r.Uploads, newer.Uploads)
	take(&r.Memory, newer.Memory)
	take(&r.Queue, newer.Queue)
	take(&r.Held, newer.Held)
	take(&r.Waiting, newer.Waiting)
	take(&r.Requests, newer.Requests)
	take(&r.Starts, newer.Starts)
	take(&r.Builds, newer.Builds)
	if growthAlone || mostJobs(newer.Growth.Rows) >= mostJobs(r.Growth.Rows) {
		take(&r.Growth, newer.Growth)
	}
}

func mostJobs(rows []growthRow) (most int) {
	for _, g := range rows {
		most = max(most, g.Jobs)
	}
	return most
}

// readReport reads a report's figures; without the file it is empty.
func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &report{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, nil
}

// pages are the files that show a report, by their names. With an error, those that can be written.
func (r *report) pages(prices *priceList) (map[string]string, error) {
	figures, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	pages := map[string]string{"benchmarks.json": string(figures) + "\n", "benchmarks.md": r.markdown(), "benchmarks.svg": r.picture()}
	if pages["sizing.md"], err = r.sizing(prices); err != nil {
		delete(pages, "sizing.md") // it stays as it is
	}
	return pages, err
}

// loadAverage is how many processes have wanted a processor in the last minute (proc_loadavg(5)); -1 if the system does not say.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg") // then it is empty
	first, _, _ := strings.Cut(string(text), " ")
	if load, err := strconv.ParseFloat(first, 64); err == nil {
		return load
	}
	return -1
}

// transfers are all rows about bytes.
func (r *report) transfers() []transfer { return slices.Concat(r.Downloads.Rows, r.Uploads.Rows) }
