package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// foundFiles reads files by their ids, in the order of these. Who stored a file is read from its latest jobs.
const foundFiles = `
	SELECT ` + fileSummary + `, ARRAY(
		SELECT agent FROM (
			SELECT coalesce(nullif(a.name, ''), l.agent::text) AS agent, l.ended_at
			FROM (SELECT id FROM jobs WHERE file_id = f.id ORDER BY created_at DESC, id DESC LIMIT 20) j
			JOIN leases l ON l.job_id = j.id AND l."end" = 'succeeded'
			LEFT JOIN agents a ON a.id = l.agent AND a.caller = l.caller) stored
		GROUP BY agent ORDER BY max(ended_at) DESC LIMIT 3)
	FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, n) JOIN files f ON f.id = w.id
	ORDER BY w.n`

func scanFoundFile(row pgx.Row, f *backend.FoundFile) (err error) {
	var r fileRow
	if err := row.Scan(append(r.summary(), &f.StoredBy)...); err != nil {
		return err
	}
	f.File, err = r.file()
	return err
}

// SearchFiles implements backend.SearchStore.
func (s *Store) SearchFiles(ctx context.Context, q backend.FileSearch, page backend.Page) (f backend.Found[backend.FoundFile], err error) {
	err = s.do(ctx, func(c querier) error {
		sql, err := fileSearch(q)
		if err != nil {
			return err
		}
		r, err := sql.run(ctx, c, "files", "f", page)
		if err != nil {
			return err
		}
		files, err := all(ctx, c, scanFoundFile, foundFiles, r.ids)
		f = found(files, r, page.Size, sql.limit, func(f backend.FoundFile) backend.Cursor {
			return backend.Cursor{CreatedAt: f.CreatedAt, ID: f.ID}
		})
		return err
	})
	return f, err
}

func fileSearch(q backend.FileSearch) (*search, error) {
	s := &search{list: list{where: []string{"f.deleted_at IS NULL"}}}
	switch q.State {
	case "":
	case backend.FilePending:
		s.and("f.state = 'pending'") // a constant: the planner needs it to use the index on pending files
	case backend.FileReady:
		s.and("f.state = 'ready'") // nearly all are
	default:
		return nil, backend.Errorf(backend.Invalid, "state: want pending or ready")
	}
	if q.Name != "" {
		s.and("hashtextextended(f.name, 0) = hashtextextended(?, 0)", q.Name)
		s.and("f.name = ?", q.Name)
	}
	if q.Text != "" {
		s.text(q.Text, []string{"f.name"}, []string{"f.id::text", "encode(f.sha256, 'hex')"})
	}
	return s, nil
}
