package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

const uploadColumns = `u.id, u.file_id, u.s3_key, u.s3_upload_id, u.created_at`

func scanUpload(row pgx.Row, u *backend.Upload) error {
	return row.Scan(&u.ID, &u.FileID, &u.Key, &u.S3UploadID, &u.CreatedAt)
}

// CreateUpload implements backend.FileStore. An upload without an id gets one.
func (s *Store) CreateUpload(ctx context.Context, u backend.Upload) (made backend.Upload, err error) {
	if u.ID == uuid.Nil {
		if u.ID, err = uuid.NewV7(); err != nil {
			return made, err
		}
	}
	err = s.do(ctx, func(q querier) error {
		made, err = one(ctx, q, scanUpload, "file", `
			INSERT INTO uploads AS u (id, file_id, s3_key, s3_upload_id)
			SELECT $1::uuid, f.id, $3::text, $4::text FROM files f WHERE f.id = $2 AND f.deleted_at IS NULL
			RETURNING `+uploadColumns, u.ID, u.FileID, u.Key, u.S3UploadID)
		return err
	})
	return made, err
}

// GetUpload implements backend.FileStore.
func (s *Store) GetUpload(ctx context.Context, fileID, uploadID uuid.UUID) (u backend.Upload, err error) {
	err = s.do(ctx, func(q querier) error {
		u, err = one(ctx, q, scanUpload, "upload", `
			SELECT `+uploadColumns+` FROM uploads u JOIN files f ON f.id = u.file_id
			WHERE u.id = $1 AND u.file_id = $2 AND f.deleted_at IS NULL`, uploadID, fileID)
		return err
	})
	return u, err
}

// CompleteUpload implements backend.FileStore.
func (s *Store) CompleteUpload(ctx context.Context, uploadID uuid.UUID, version string) (f backend.File, won bool, err error) {
	err = s.atomically(ctx, func(tx *Store) error {
		u, err := one(ctx, tx.tx, scanUpload, "upload", `SELECT `+uploadColumns+` FROM uploads u WHERE u.id = $1`, uploadID)
		if err != nil {
			return err
		}
		if f, err = tx.lockFile(ctx, u.FileID); err != nil {
			return err
		}
		if f.State == backend.FileReady {
			won = f.Key == u.Key
			return nil
		}
		won = true
		// The upload is looked for once more, under the file's lock: it may have been deleted in between.
		f, err = one(ctx, tx.tx, scanFile, "upload", `
			UPDATE files f SET state = 'ready', ready_at = now(), s3_key = u.s3_key, s3_version = $2
			FROM uploads u WHERE u.id = $1 AND f.id = u.file_id RETURNING `+fileColumns, uploadID, version)
		return err
	})
	return f, won, err
}

// DeleteUpload implements backend.FileStore: Conflict for the upload that made its file ready.
func (s *Store) DeleteUpload(ctx context.Context, uploadID uuid.UUID) error {
	return s.atomically(ctx, func(tx *Store) error {
		u, err := one(ctx, tx.tx, scanUpload, "upload", `SELECT `+uploadColumns+` FROM uploads u WHERE u.id = $1`, uploadID)
		if err != nil {
			return err
		}
		f, err := tx.lockFile(ctx, u.FileID)
		if err != nil && backend.CodeOf(err) != backend.NotFound {
			return err
		}
		if f.Key == u.Key && f.Key != "" {
			return backend.Errorf(backend.Conflict, "the upload has completed")
		}
		_, err = tx.tx.Exec(ctx, `DELETE FROM uploads WHERE id = $1`, uploadID)
		return err
	})
}
