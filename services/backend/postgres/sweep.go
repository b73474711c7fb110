package postgres

import (
	"context"
	"time"

	"scalable-backend/services/backend"
)

const (
	// sweeperClass and sweeperKey name the lock of the one sweeper; locks of one number are Once's.
	sweeperClass, sweeperKey = 0x73776570, 1

	expireLimit = 1000 // leases in one statement
	expireTimes = 10   // statements in one sweep
	purgeLimit  = 1000 // rows of each kind in one sweep

	// auditKept is how long it is known who changed what.
	auditKept = 365 * 24 * time.Hour
	// agentsKept is how long an agent that is not heard of stays in the list.
	agentsKept = 24 * time.Hour
)

// gap is how long the sweeper may have been silent before it must be taken for an outage, in which agents could not renew
// either. Leases are renewed at a third of the lease time, so no shorter outage lets one expire.
func (o Options) gap() time.Duration { return max(o.LeaseTTL/2, 3*o.SweepInterval) }

// Sweep implements backend.JobStore.
func (s *Store) Sweep(ctx context.Context) (result backend.SweepResult, held bool, err error) {
	err = s.atomicallyWithin(ctx, choreLimit, func(tx *Store) error {
		result = backend.SweepResult{}
		err := tx.tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, sweeperClass, sweeperKey).Scan(&held)
		if err != nil || !held {
			return err
		}
		var expiring bool
		if err := tx.tx.QueryRow(ctx, `
			UPDATE sweeper SET last_tick = now(),
				hold_until = CASE WHEN now() - last_tick > $1::interval THEN now() + $2::interval ELSE hold_until END
			RETURNING hold_until <= now()`, s.gap(), s.LeaseTTL).Scan(&expiring); err != nil {
			return err
		}
		if expiring {
			if result.Expired, err = tx.expire(ctx); err != nil {
				return err
			}
		}
		if err := tx.purge(ctx); err != nil {
			return err
		}
		return tx.tx.QueryRow(ctx, `
			UPDATE sweeper SET died_seen = t.died FROM (SELECT sum(died)::bigint AS died FROM totals) t, sweeper AS before
			RETURNING t.died - before.died_seen`).Scan(&result.Dead)
	})
	return result, held && err == nil, err
}

// expire ends the leases whose time is over. What is locked is just being renewed or finished: the next sweep looks again.
func (s *Store) expire(ctx context.Context) (count int, err error) {
	problem := &backend.JobProblem{Title: "the lease expired", Detail: "its agent was not heard of in time"}
	for range expireTimes {
		jobs, err := all(ctx, s.tx, scanEnded, endExpired, s.endArgs(expired, problem, expireLimit)...)
		if err != nil {
			return 0, err
		}
		if err := s.announceEnded(ctx, s.tx, jobs); err != nil {
			return 0, err
		}
		count += len(jobs)
		if len(jobs) < expireLimit {
			break
		}
	}
	return count, nil
}

// purge removes what has had its time.
func (s *Store) purge(ctx context.Context) error {
	_, err := s.tx.Exec(ctx, `
		DELETE FROM idempotency WHERE id IN (
			SELECT id FROM idempotency WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`, purgeLimit)
	if err != nil {
		return err
	}
	_, err = s.tx.Exec(ctx, `
		DELETE FROM audit WHERE id IN (
			SELECT id FROM audit WHERE at < now() - $2::interval ORDER BY at LIMIT $1 FOR UPDATE SKIP LOCKED)`, purgeLimit, auditKept)
	if err != nil {
		return err
	}
	_, err = s.tx.Exec(ctx, `
		DELETE FROM agents WHERE (id, caller) IN (
			SELECT id, caller FROM agents a WHERE last_seen < now() - $2::interval
				AND NOT EXISTS (SELECT FROM leases l WHERE l.agent = a.id AND l.caller = a.caller AND l.ended_at IS NULL)
			LIMIT $1 FOR UPDATE SKIP LOCKED)`, purgeLimit, agentsKept)
	return err
}
