package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"scalable-backend/services/backend"
)

const (
	fileSummary = `f.id, f.name, f.size, f.sha256, f.part_size, f.state, f.s3_key, f.s3_version, f.created_at, f.ready_at`
	fileColumns = fileSummary + `, f.part_sha256`
)

// fileRow takes a row of fileSummary or fileColumns; file makes a File of it.
type fileRow struct {
	f      backend.File
	sha256 []byte
	parts  []byte
}

func (r *fileRow) summary() []any {
	return []any{
		&r.f.ID, &r.f.Name, &r.f.Size, &r.sha256, &r.f.PartSize, &r.f.State, (*zeronull.Text)(&r.f.Key),
		(*zeronull.Text)(&r.f.Version), &r.f.CreatedAt, (*zeronull.Timestamptz)(&r.f.ReadyAt),
	}
}

func (r *fileRow) columns() []any { return append(r.summary(), &r.parts) }

func (r *fileRow) file() (backend.File, error) {
	digests, err := digestsOf(r.parts)
	if err != nil || len(r.sha256) != 32 {
		return backend.File{}, fmt.Errorf("reading file %s: a digest of the wrong length", r.f.ID)
	}
	r.f.SHA256, r.f.PartDigests = [32]byte(r.sha256), digests
	return r.f, nil
}

func digestsOf(b []byte) ([][32]byte, error) {
	if len(b)%32 != 0 {
		return nil, fmt.Errorf("%d bytes of digests", len(b))
	}
	var digests [][32]byte
	for len(b) > 0 {
		digests = append(digests, [32]byte(b[:32]))
		b = b[32:]
	}
	return digests, nil
}

func scanFile(row pgx.Row, f *backend.File) (err error) {
	var r fileRow
	if err := row.Scan(r.columns()...); err != nil {
		return err
	}
	*f, err = r.file()
	return err
}

func scanFileSummary(row pgx.Row, f *backend.File) (err error) {
	var r fileRow
	if err := row.Scan(r.summary()...); err != nil {
		return err
	}
	*f, err = r.file()
	return err
}

// CreateFile implements backend.FileStore.
func (s *Store) CreateFile(ctx context.Context, n backend.NewFile) (f backend.File, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return f, err
	}
	digests := make([]byte, 0, 32*len(n.PartDigests))
	for _, d := range n.PartDigests {
		digests = append(digests, d[:]...)
	}
	err = s.do(ctx, func(q querier) error {
		f, err = one(ctx, q, scanFile, "file", `
			INSERT INTO files AS f (id, name, size, sha256, part_size, part_sha256) VALUES ($1, $2, $3, $4, $5, $6)
			RETURNING `+fileColumns, id, n.Name, n.Size, n.SHA256[:], n.PartSize, digests)
		return err
	})
	return f, err
}

// GetFile implements backend.FileStore.
func (s *Store) GetFile(ctx context.Context, id uuid.UUID) (backend.File, error) {
	return together(ctx, s, s.files, &id, func(ctx context.Context) (backend.File, error) { return s.fileAlone(ctx, id) })
}

// newFiles makes the group of reads of files. Each reads what was committed before it was called: a group takes no calls any more once its
// statement begins.
func (s *Store) newFiles() *group[*uuid.UUID, backend.File] {
	return &group[*uuid.UUID, backend.File]{
		name:   "read together",
		run:    s.filesTogether,
		key:    func(id *uuid.UUID) any { return id }, // of one call: any number may read a file
		weight: func(*uuid.UUID) int { return maxWeight / 16 },
	}
}

// filesTogether reads files. It leaves those out that are not there.
func (s *Store) filesTogether(ctx context.Context, ids []*uuid.UUID) (answers []*backend.File, err error) {
	wanted := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		wanted[i] = *id
	}
	err = s.do(ctx, func(q querier) error {
		files, err := all(ctx, q, scanFile, `SELECT `+fileColumns+` FROM files f WHERE f.id = ANY($1) AND f.deleted_at IS NULL`, wanted)
		at := make(map[uuid.UUID]*backend.File, len(files))
		for i := range files {
			at[files[i].ID] = &files[i]
		}
		answers = make([]*backend.File, len(ids))
		for i, id := range wanted {
			answers[i] = at[id]
		}
		return err
	})
	return answers, err
}

func (s *Store) fileAlone(ctx context.Context, id uuid.UUID) (f backend.File, err error) {
	err = s.do(ctx, func(q querier) error {
		f, err = one(ctx, q, scanFile, "file", `SELECT `+fileColumns+` FROM files f WHERE f.id = $1 AND f.deleted_at IS NULL`, id)
		return err
	})
	return f, err
}

// ListFiles implements backend.FileStore.
func (s *Store) ListFiles(ctx context.Context, filter backend.FileFilter, page backend.Page) ([]backend.File, error) {
	l := list{where: []string{"f.deleted_at IS NULL"}}
	if filter.State != "" {
		// A constant, not a parameter: the planner needs it to use the index on pending files.
		switch filter.State {
		case backend.FilePending:
			l.and("f.state = 'pending'")
		case backend.FileReady:
			l.and("f.state = 'ready'")
		default:
			return nil, backend.Errorf(backend.Invalid, "state: want pending or ready")
		}
	}
	if filter.Name != "" {
		l.and("hashtextextended(f.name, 0) = hashtextextended(?, 0)", filter.Name)
		l.and("f.name = ?", filter.Name)
	}
	sql := l.page(`SELECT `+fileSummary+` FROM files f`, "f", page)
	return s.filePages.read(ctx, s, sql, l.args...)
}

// lockFile takes the lock under which a file becomes ready or goes away. Jobs are submitted under a share of it.
func (s *Store) lockFile(ctx context.Context, id uuid.UUID) (backend.File, error) {
	return one(ctx, s.tx, scanFile, "file",
		`SELECT `+fileColumns+` FROM files f WHERE f.id = $1 AND f.deleted_at IS NULL FOR UPDATE`, id)
}

// DeleteFile implements backend.FileStore.
func (s *Store) DeleteFile(ctx context.Context, id uuid.UUID, ifMatch string) (f backend.File, err error) {
	err = s.atomically(ctx, func(tx *Store) error {
		f, err = tx.lockFile(ctx, id)
		if err != nil {
			return err
		}
		if ifMatch != "" && ifMatch != "*" && ifMatch != f.ETag() {
			return backend.Errorf(backend.Precondition, "the file's ETag is %s", f.ETag())
		}
		var active bool
		err := tx.tx.QueryRow(ctx,
			`SELECT EXISTS (SELECT FROM jobs WHERE file_id = $1 AND state IN ('queued', 'leased'))`, id).Scan(&active)
		if err != nil {
			return err
		}
		if active {
			return backend.Errorf(backend.Conflict, "a job of the file is queued or leased")
		}
		_, err = tx.tx.Exec(ctx, `UPDATE files SET deleted_at = now() WHERE id = $1`, id)
		return err
	})
	return f, err
}
