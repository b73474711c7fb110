package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"scalable-backend/services/agent/internal/text"
)

// shortID is how much of an id is shown on a terminal: enough to tell those of one batch apart, and to give to another command.
const shortID = 18

const wideHelp = "all columns, whole, however narrow the terminal"

// column is one of a table.
type column struct {
	name string
	long bool // holds text of any length: it is shortened when the terminal is too narrow
	wide bool // left out on a terminal, unless --wide is given
	id   bool // shortened on a terminal, unless --wide is given
}

// table prints rows in columns, or as JSON. On a terminal a row fits into a line.
type table struct {
	a       *app
	columns []column
	width   int // of the terminal; 0 is no limit
	limit   int // rows; 0 is no limit
	shown   int
	rows    [][]string
}

func (a *app) table(wide bool, limit int, columns ...column) *table {
	t := &table{a: a, columns: columns, limit: limit}
	if f, width := terminal(a.out); f != nil && !wide {
		t.width = width
	}
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.name
	}
	t.rows = append(t.rows, header)
	return t
}

// row adds one and reports whether there may be more.
func (t *table) row(v any, cells ...string) bool {
	if t.a.json {
		_ = json.NewEncoder(text.JSON(t.a.out)).Encode(v)
	} else {
		for i, c := range cells {
			cells[i] = text.Escape(c)
			if t.columns[i].id && t.width > 0 && len(c) > shortID {
				cells[i] = c[:shortID]
			}
		}
		t.rows = append(t.rows, cells)
	}
	t.shown++
	return t.limit == 0 || t.shown < t.limit
}

// flush prints the rows.
func (t *table) flush() error {
	if t.a.json {
		return nil
	}
	widths := t.widths()
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			if line.Len() > 0 {
				line.WriteString("  ")
			}
			if t.width > 0 {
				cell = fit(cell, widths[i])
			}
			line.WriteString(runewidth.FillRight(cell, widths[i]))
		}
		if _, err := fmt.Fprintln(t.a.out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// widths returns the width of each column, 0 for those that are left out.
func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	rest, long := t.width, 0
	for i, c := range t.columns {
		if c.wide && t.width > 0 {
			continue
		}
		for _, row := range t.rows {
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
		rest -= 2
		if c.long {
			long++
		} else {
			rest -= widths[i]
		}
	}
	if t.width == 0 || long == 0 {
		return widths
	}
	share := max(8, (rest+2)/long)
	for i, c := range t.columns {
		if c.long {
			widths[i] = min(widths[i], share)
		}
	}
	return widths
}

// clock is the zone that times are shown in: the one that the user has now, for all rows.
func clock() *time.Location {
	name, offset := time.Now().Zone()
	return time.FixedZone(name, offset)
}

// at prints a time for people, with its zone.
func at(t time.Time) string { return t.In(clock()).Format("2006-01-02 15:04:05 MST") }
