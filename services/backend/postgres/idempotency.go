package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// responsesKept is how long a response answers repeats of its request.
const responsesKept = 24 * time.Hour

// Once implements backend.Store. do may run more than once, each time in a new transaction.
func (s *Store) Once(
	ctx context.Context, key backend.IdempotencyKey, do func(ctx context.Context, tx backend.Store) (backend.Response, error),
) (answer backend.Response, err error) {
	id := keyID(key)
	err = s.atomically(ctx, func(tx *Store) error {
		stored, found, err := tx.recall(ctx, id, key.Hash)
		if err != nil || found {
			answer = stored
			return err
		}
		if answer, err = do(ctx, tx); err != nil {
			return err
		}
		return tx.remember(ctx, id, key.Hash, answer)
	})
	if err != nil {
		return backend.Response{}, err
	}
	return answer, nil
}

// keyID names a request; lengths keep its three texts apart.
func keyID(key backend.IdempotencyKey) []byte {
	h := sha256.New()
	for _, text := range []string{key.Caller, key.Route, key.Key} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	return h.Sum(nil)
}

// recall takes the key's lock, without waiting for it, and looks for a stored response.
func (s *Store) recall(ctx context.Context, id []byte, hash [32]byte) (r backend.Response, found bool, err error) {
	var batch pgx.Batch
	batch.Queue(`SELECT pg_try_advisory_xact_lock($1)`, int64(binary.BigEndian.Uint64(id)))
	// A statement of its own: what it sees is newer than the lock.
	batch.Queue(`SELECT request_hash, status, header, body FROM idempotency WHERE id = $1 AND expires_at > now()`, id)
	results := s.tx.SendBatch(ctx, &batch)
	defer results.Close()
	var locked bool
	if err := results.QueryRow().Scan(&locked); err != nil {
		return r, false, err
	}
	if !locked {
		return r, false, &backend.Error{
			Code: backend.Conflict, Detail: "a request with this Idempotency-Key is being served", RetryAfter: time.Second,
		}
	}
	var first []byte
	switch err := results.QueryRow().Scan(&first, &r.Status, &r.Header, &r.Body); {
	case errors.Is(err, pgx.ErrNoRows):
		return r, false, results.Close()
	case err != nil:
		return r, false, err
	case !bytes.Equal(first, hash[:]):
		return r, false, backend.Errorf(backend.Unprocessable, "this Idempotency-Key was used for another request")
	default:
		return r, true, results.Close()
	}
}

func (s *Store) remember(ctx context.Context, id []byte, hash [32]byte, r backend.Response) error {
	header, body := r.Header, r.Body
	if header == nil {
		header = map[string]string{}
	}
	if body == nil {
		body = []byte{}
	}
	// The conflict is with a response that has expired and is not swept yet.
	_, err := s.tx.Exec(ctx, `
		INSERT INTO idempotency (id, request_hash, status, header, body, expires_at) VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
		ON CONFLICT (id) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
			header = excluded.header, body = excluded.body, expires_at = excluded.expires_at`,
		id, hash[:], r.Status, header, body, responsesKept)
	return err
}
