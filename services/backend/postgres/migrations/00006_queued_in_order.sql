-- The list of queued jobs, newest first. Without it a long history behind, or before, few queued jobs is read row by row.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS jobs_list_queued;
CREATE INDEX CONCURRENTLY jobs_list_queued ON jobs (created_at, id) WHERE state = 'queued';
