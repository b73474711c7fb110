package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// TakeBucketTurn implements backend.BucketStore.
func (s *Store) TakeBucketTurn(ctx context.Context, interval time.Duration) (t backend.BucketTurn, mine bool, err error) {
	err = s.do(ctx, func(q querier) error {
		err := q.QueryRow(ctx, `
			UPDATE bucket_sweep SET next_at = now() + $1::interval WHERE next_at <= now()
			RETURNING object_key, object_mark, upload_key, upload_mark`, interval).
			Scan(&t.Objects.Key, &t.Objects.ID, &t.Multiparts.Key, &t.Multiparts.ID)
		mine = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return t, mine, err
}

// EndBucketTurn implements backend.BucketStore.
func (s *Store) EndBucketTurn(ctx context.Context, next backend.BucketTurn) error {
	return s.do(ctx, func(q querier) error {
		_, err := q.Exec(ctx, `UPDATE bucket_sweep SET object_key = $1, object_mark = $2, upload_key = $3, upload_mark = $4`,
			next.Objects.Key, next.Objects.ID, next.Multiparts.Key, next.Multiparts.ID)
		return err
	})
}

// fileOfKey reads the file's id out of the key of an object.
func fileOfKey(key string) (uuid.UUID, bool) {
	rest, ok := strings.CutPrefix(key, backend.ObjectPrefix)
	file, upload, split := strings.Cut(rest, "/")
	id, err := uuid.Parse(file)
	_, uploadErr := uuid.Parse(upload)
	return id, ok && split && err == nil && uploadErr == nil
}

// orphans returns those of the items that the condition, which may use key, id and file, does not hold for.
func orphans[T any](ctx context.Context, s *Store, items []T, names func(T) (key, id string), owned string) (found []T, err error) {
	var index []int
	var keys, ids []string
	var files []uuid.UUID
	for i, item := range items {
		key, id := names(item)
		if file, ours := fileOfKey(key); ours {
			index, keys, ids, files = append(index, i), append(keys, key), append(ids, id), append(files, file)
		}
	}
	err = s.do(ctx, func(q querier) error {
		found = nil
		rows, err := q.Query(ctx, `
			SELECT n FROM unnest($1::text[], $2::text[], $3::uuid[]) WITH ORDINALITY AS item (key, id, file, n)
			WHERE NOT EXISTS (SELECT FROM files f WHERE f.id = item.file AND f.deleted_at IS NULL AND (`+owned+`))
			ORDER BY n`, keys, ids, files)
		if err != nil {
			return err
		}
		var n int
		_, err = pgx.ForEachRow(rows, []any{&n}, func() error {
			found = append(found, items[index[n-1]])
			return nil
		})
		return err
	})
	return found, err
}

// pendingUpload holds for what an upload under way may still need: an object that was assembled is the file's once the completion
// is repeated.
const pendingUpload = `f.state = 'pending' AND EXISTS (SELECT FROM uploads u WHERE u.file_id = f.id AND u.s3_key = item.key)`

// OrphanObjects implements backend.BucketStore. A file that is ready or deleted stays so, and an upload that is forgotten is never
// there again: what is an orphan here is one for good, however long ago the bucket was listed.
func (s *Store) OrphanObjects(ctx context.Context, objects []backend.StoredObject) ([]backend.StoredObject, error) {
	return orphans(ctx, s, objects, func(o backend.StoredObject) (string, string) { return o.Key, o.Version },
		`f.state = 'ready' AND f.s3_key = item.key AND f.s3_version = item.id OR `+pendingUpload)
}

// OrphanMultiparts implements backend.BucketStore. A multipart upload is in the bucket before its row is in the catalogue, so the
// caller leaves young ones alone.
func (s *Store) OrphanMultiparts(ctx context.Context, uploads []backend.StoredMultipart) ([]backend.StoredMultipart, error) {
	return orphans(ctx, s, uploads, func(u backend.StoredMultipart) (string, string) { return u.Key, u.UploadID },
		pendingUpload+` AND item.id = (SELECT u.s3_upload_id FROM uploads u WHERE u.s3_key = item.key)`)
}

// ForgetUploads implements backend.BucketStore.
func (s *Store) ForgetUploads(ctx context.Context, age time.Duration) (count int, err error) {
	err = s.atomically(ctx, func(tx *Store) error {
		// Under the locks of the files, which a completion of an upload holds as well.
		tag, err := tx.tx.Exec(ctx, `
			WITH old AS MATERIALIZED (
				SELECT u.id FROM uploads u JOIN files f ON f.id = u.file_id
				WHERE u.created_at < now() - $1::interval AND f.s3_key IS DISTINCT FROM u.s3_key
				ORDER BY u.created_at LIMIT 1000 FOR UPDATE OF f SKIP LOCKED)
			DELETE FROM uploads WHERE id IN (SELECT id FROM old)`, age)
		count = int(tag.RowsAffected())
		return err
	})
	return count, err
}

// RestartUpload implements backend.FileStore.
func (s *Store) RestartUpload(ctx context.Context, uploadID uuid.UUID, before, s3UploadID string) (u backend.Upload, err error) {
	err = s.do(ctx, func(q querier) error {
		u, err = one(ctx, q, scanUpload, "upload", `
			UPDATE uploads u SET s3_upload_id = CASE WHEN u.s3_upload_id = $2 THEN $3 ELSE u.s3_upload_id END
			WHERE u.id = $1 RETURNING `+uploadColumns, uploadID, before, s3UploadID)
		return err
	})
	return u, err
}
