package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"scalable-backend/services/backend"
)

const (
	// scanLimit is how many rows one page of a search reads whose conditions no index has; the next page goes on behind them.
	scanLimit = 10_000
	// leaseScanLimit is the same where each row costs a look into another table.
	leaseScanLimit = 3_000
)

// search is a list whose rows come in the order of an index and are held against hits, conditions that no index has.
type search struct {
	list
	hits  []string
	limit int // of rows to look at; 0 while there are no hits
}

// hit adds a condition that no index has; every ? in it stands for the next of args.
func (s *search) hit(condition string, args ...any) {
	n := len(s.where)
	s.and(condition, args...)
	s.hits, s.where = append(s.hits, s.where[n]), s.where[:n]
	if s.limit == 0 {
		s.limit = scanLimit
	}
}

// text adds a hit: text is a part of one of parts or begins one of beginnings, which are SQL.
func (s *search) text(text string, parts, beginnings []string) {
	var either []string
	var args []any
	for _, part := range parts {
		either, args = append(either, "strpos(lower("+part+"), lower(?)) > 0"), append(args, text)
	}
	for _, beginning := range beginnings {
		either, args = append(either, "starts_with("+beginning+", lower(?))"), append(args, text)
	}
	s.hit("("+strings.Join(either, " OR ")+")", args...)
}

// scanned is what one page of a search has come to.
type scanned struct {
	ids   []uuid.UUID // of the hits, one more than the page holds if there is one more
	count int         // rows that were looked at
	last  backend.Cursor
}

// sql is the statement that finds the ids of one page. The rows stand in a table under its alias: "jobs j" is two of the three words.
func (s *search) sql(table, alias string, p backend.Page) string {
	hit, size := "true", p.Size+1
	p.Size = size
	if len(s.hits) > 0 {
		hit, p.Size = strings.Join(s.hits, " AND "), s.limit
	}
	scan := s.page(`SELECT `+alias+`.id, `+alias+`.created_at, `+hit+` AS hit FROM `+table+` `+alias, alias, p)
	s.args = append(s.args, size)
	return `
		WITH scanned AS MATERIALIZED (` + scan + `),
		last AS (SELECT created_at, id FROM scanned ORDER BY created_at, id LIMIT 1)
		SELECT ARRAY(SELECT id FROM scanned WHERE hit ORDER BY created_at DESC, id DESC LIMIT $` + strconv.Itoa(len(s.args)) + `),
			(SELECT count(*) FROM scanned), (SELECT created_at FROM last), (SELECT id FROM last)`
}

// run reads the ids of one page.
func (s *search) run(ctx context.Context, q querier, table, alias string, p backend.Page) (r scanned, err error) {
	sql := s.sql(table, alias, p)
	err = q.QueryRow(ctx, sql, s.args...).
		Scan(&r.ids, &r.count, (*zeronull.Timestamptz)(&r.last.CreatedAt), (*zeronull.UUID)(&r.last.ID))
	return r, err
}

// found makes a page of the items that the ids of a search name.
func found[T any](items []T, r scanned, size, limit int, cursor func(T) backend.Cursor) backend.Found[T] {
	f := backend.Found[T]{Items: items}
	switch {
	case len(r.ids) > size && len(items) >= size:
		f.Items, f.More, f.Next = items[:size], true, cursor(items[size-1])
	case limit > 0 && r.count >= limit:
		f.More, f.Next = true, r.last
	}
	if limit > 0 {
		f.Scanned = r.count
	}
	return f
}
