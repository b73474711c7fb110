package backend

import (
	"context"

	"github.com/google/uuid"
)

// audited runs a change, with an event that tells who asked for it. What this service does of itself has no caller and makes no event.
func (s *Service) audited(ctx context.Context, action string, do func(store Store) (object, detail string, err error)) error {
	caller := CallerOf(ctx)
	if caller.ID == "" {
		_, _, err := do(s.store)
		return err
	}
	e := AuditEvent{Caller: caller.ID, CallerName: caller.Name, Door: caller.Door, Action: action}
	return s.store.Audited(ctx, e, func(_ context.Context, tx Store) (string, string, error) { return do(tx) })
}

// CancelJob cancels a queued job at once and asks for it of a leased one. Conflict once succeeded or dead.
func (s *Service) CancelJob(ctx context.Context, id uuid.UUID) (job Job, err error) {
	err = s.audited(ctx, "job cancelled", func(store Store) (string, string, error) {
		job, err = store.CancelJob(ctx, id)
		return id.String(), job.Dest, err
	})
	return job, err
}

// RetryJob queues a dead or cancelled job again: see [JobStore].
func (s *Service) RetryJob(ctx context.Context, id uuid.UUID) (job Job, err error) {
	err = s.audited(ctx, "job retried", func(store Store) (string, string, error) {
		job, err = store.RetryJob(ctx, id)
		return id.String(), job.Dest, err
	})
	return job, err
}

// CreateToken stores a token by the hash of its secret.
func (s *Service) CreateToken(ctx context.Context, t Token, hash [32]byte) (made Token, err error) {
	err = s.audited(ctx, "token made", func(store Store) (string, string, error) {
		made, err = store.CreateToken(ctx, t, hash)
		return made.ID.String(), made.Name, err
	})
	return made, err
}

// RevokeToken revokes a token, now and for good.
func (s *Service) RevokeToken(ctx context.Context, id uuid.UUID) error {
	return s.audited(ctx, "token revoked", func(store Store) (string, string, error) {
		t, err := store.GetToken(ctx, id)
		if err != nil {
			return "", "", err
		}
		return id.String(), t.Name, store.RevokeToken(ctx, id)
	})
}

// deleteFile removes a file from the catalogue alone: see DeleteFile.
func (s *Service) deleteFile(ctx context.Context, id uuid.UUID, ifMatch string) (file File, err error) {
	err = s.audited(ctx, "file deleted", func(store Store) (string, string, error) {
		file, err = store.DeleteFile(ctx, id, ifMatch)
		return id.String(), file.Name, err
	})
	return file, err
}
