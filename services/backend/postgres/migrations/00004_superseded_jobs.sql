-- A job that ended without success is not retried once a newer one of its destination has succeeded: the older version would replace
-- the newer one. An event tells of it, because the newer job may be removed earlier than the older one.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS jobs_failed_dest;
CREATE INDEX CONCURRENTLY jobs_failed_dest ON jobs (dest_hash, created_at, id) WHERE state IN ('dead', 'cancelled');

INSERT INTO job_events (job_id, kind, state)
SELECT older.id, 'superseded', older.state FROM jobs older
WHERE older.state IN ('dead', 'cancelled')
    AND EXISTS (
        SELECT FROM jobs newer WHERE newer.dest_hash = older.dest_hash AND newer.state = 'succeeded'
            AND (newer.created_at, newer.id) > (older.created_at, older.id))
    AND NOT EXISTS (SELECT FROM job_events told WHERE told.job_id = older.id AND told.kind = 'superseded');
