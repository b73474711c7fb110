-- Indexes on tables that are in use, so each is built without a lock that holds writers up. A build that was interrupted leaves an
-- index that is not valid: it is dropped first.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS jobs_active_dest;
-- Jobs of one destination are done in the order in which they were submitted.
CREATE INDEX CONCURRENTLY jobs_active_dest ON jobs (dest_hash, created_at, id) WHERE state IN ('queued', 'leased');

DROP INDEX CONCURRENTLY IF EXISTS jobs_list_done;
-- What retention removes first. created_at, because an index on updated_at would cost every heartbeat an entry.
CREATE INDEX CONCURRENTLY jobs_list_done ON jobs (created_at, id) WHERE state IN ('succeeded', 'cancelled');

DROP INDEX CONCURRENTLY IF EXISTS leases_job;
CREATE INDEX CONCURRENTLY leases_job ON leases (job_id);

DROP INDEX CONCURRENTLY IF EXISTS files_deleted;
CREATE INDEX CONCURRENTLY files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL;
