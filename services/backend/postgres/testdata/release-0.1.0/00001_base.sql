-- Expand and contract only: an older binary runs on a newer schema while a deployment rolls, so a migration never removes or
-- renames what the release before it uses.

-- +goose Up
CREATE TABLE files (
    id          uuid PRIMARY KEY,
    name        text NOT NULL CONSTRAINT files_name_check CHECK (name <> ''),
    size        bigint NOT NULL CONSTRAINT files_size_check CHECK (size >= 0),
    sha256      bytea NOT NULL CONSTRAINT files_sha256_check CHECK (octet_length(sha256) = 32),
    part_size   bigint NOT NULL CONSTRAINT files_part_size_check CHECK (part_size > 0),
    part_sha256 bytea NOT NULL, -- the digests of all parts, one after the other
    state       text NOT NULL DEFAULT 'pending' CONSTRAINT files_state_check CHECK (state IN ('pending', 'ready')),
    s3_key      text,
    s3_version  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    ready_at    timestamptz,
    deleted_at  timestamptz, -- jobs keep their file; readers see only rows without it
    CONSTRAINT files_part_sha256_check CHECK (octet_length(part_sha256) = 32 * ((size + part_size - 1) / part_size)),
    CONSTRAINT files_ready_check CHECK (state = 'pending' OR (s3_key IS NOT NULL AND s3_version IS NOT NULL AND ready_at IS NOT NULL))
);
ALTER TABLE files ALTER COLUMN part_sha256 SET STORAGE EXTERNAL; -- digests do not compress
CREATE INDEX files_list ON files (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX files_list_pending ON files (created_at, id) WHERE deleted_at IS NULL AND state = 'pending';
-- A name may be longer than what fits an index row, so its hash stands there.
CREATE INDEX files_list_name ON files (hashtextextended(name, 0), created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE uploads (
    id           uuid PRIMARY KEY,
    file_id      uuid NOT NULL CONSTRAINT uploads_file_id_fkey REFERENCES files,
    s3_key       text NOT NULL CONSTRAINT uploads_s3_key_key UNIQUE,
    s3_upload_id text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_file_id ON uploads (file_id);

-- bytes_done changes with every heartbeat: it stands in no index, and pages keep room, so those updates stay HOT.
CREATE TABLE jobs (
    id               uuid PRIMARY KEY,
    file_id          uuid NOT NULL CONSTRAINT jobs_file_id_fkey REFERENCES files,
    dest             text NOT NULL CONSTRAINT jobs_dest_check CHECK (dest <> ''),
    dest_hash        bytea NOT NULL, -- SHA-256 of dest: dest may be longer than what fits an index row
    priority         integer NOT NULL CONSTRAINT jobs_priority_check CHECK (priority BETWEEN -100 AND 100),
    max_attempts     integer NOT NULL CONSTRAINT jobs_max_attempts_check CHECK (max_attempts BETWEEN 1 AND 100),
    state            text NOT NULL DEFAULT 'queued'
        CONSTRAINT jobs_state_check CHECK (state IN ('queued', 'leased', 'succeeded', 'dead', 'cancelled')),
    run_at           timestamptz NOT NULL DEFAULT now(),
    grants           integer NOT NULL DEFAULT 0,
    failures         integer NOT NULL DEFAULT 0,
    releases         integer NOT NULL DEFAULT 0,
    bytes_done       bigint NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    problem          jsonb,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX jobs_active_twin ON jobs (file_id, dest_hash) WHERE state IN ('queued', 'leased');
CREATE INDEX jobs_due ON jobs (priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_list ON jobs (created_at, id);
CREATE INDEX jobs_list_file ON jobs (file_id, created_at, id);
-- The rare states only: without it their lists would read past all the succeeded jobs.
CREATE INDEX jobs_list_ended ON jobs (state, created_at, id) WHERE state IN ('dead', 'cancelled');

-- A lease changes only under the lock of its job's row. leased_until is like bytes_done above.
CREATE TABLE leases (
    lease_id     uuid PRIMARY KEY,
    job_id       uuid NOT NULL CONSTRAINT leases_job_id_fkey REFERENCES jobs,
    "grant"      integer NOT NULL,
    agent        uuid NOT NULL,
    caller       text NOT NULL,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz NOT NULL DEFAULT now(), -- later than granted_at once redelivered
    renewed_at   timestamptz,                        -- null until the agent's first word
    leased_until timestamptz NOT NULL,
    ended_at     timestamptz,
    "end"        text CONSTRAINT leases_end_check CHECK ("end" IN ('succeeded', 'failed', 'released', 'expired', 'cancelled')),
    outcome_hash bytea, -- of the agent's report; null when it never reported
    CONSTRAINT leases_ended_check CHECK ((ended_at IS NULL) = ("end" IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX leases_live_job ON leases (job_id) WHERE ended_at IS NULL;
CREATE INDEX leases_live_agent ON leases (agent) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX leases_succeeded_job ON leases (job_id) WHERE "end" = 'succeeded';

-- No reference to jobs: events are written often, and they are to outlive what they tell of.
CREATE TABLE job_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    job_id   uuid NOT NULL,
    kind     text NOT NULL,
    state    text NOT NULL, -- of the job, afterwards
    lease_id uuid,
    detail   jsonb
);
CREATE INDEX job_events_job ON job_events (job_id, id);

-- +goose StatementBegin
CREATE FUNCTION job_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job_events is append-only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER job_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON job_events
    FOR EACH STATEMENT EXECUTE FUNCTION job_events_append_only();

-- agents: last_seen changes with every word of an agent and stands in no index.
CREATE TABLE agents (
    id        uuid NOT NULL,
    caller    text NOT NULL,
    name      text NOT NULL,
    version   text NOT NULL,
    last_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, caller)
) WITH (fillfactor = 70);

CREATE TABLE idempotency (
    id           bytea PRIMARY KEY, -- SHA-256 of caller, route and key
    request_hash bytea NOT NULL,
    status       integer NOT NULL,
    header       jsonb NOT NULL,
    body         bytea NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

CREATE TABLE tokens (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    scopes     text[] NOT NULL CONSTRAINT tokens_scopes_check CHECK (cardinality(scopes) > 0),
    hash       bytea NOT NULL CONSTRAINT tokens_hash_key UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX tokens_list ON tokens (created_at, id);

-- One row. hold_until: after a gap nothing expires before it.
CREATE TABLE sweeper (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_tick  timestamptz NOT NULL DEFAULT now(),
    hold_until timestamptz NOT NULL DEFAULT now(),
    died_seen  bigint NOT NULL DEFAULT 0
);
INSERT INTO sweeper DEFAULT VALUES;

-- What has ended is counted as it ends, so that statistics cost the same however long the history is. A session counts in the
-- shard of its process id: two transactions rarely wait for each other. The value of a column is its sum over the shards.
CREATE TABLE totals (
    shard           integer PRIMARY KEY,
    succeeded       bigint NOT NULL DEFAULT 0,
    dead            bigint NOT NULL DEFAULT 0,
    cancelled       bigint NOT NULL DEFAULT 0,
    died            bigint NOT NULL DEFAULT 0, -- how often a job became dead; never decreases
    bytes_delivered bigint NOT NULL DEFAULT 0,
    files_ready     bigint NOT NULL DEFAULT 0,
    files_pending   bigint NOT NULL DEFAULT 0,
    bytes_stored    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO totals (shard) SELECT generate_series(0, 63);

-- +goose StatementBegin
CREATE FUNCTION jobs_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE totals SET
        succeeded = succeeded + (NEW.state = 'succeeded')::int - (OLD.state = 'succeeded')::int,
        dead = dead + (NEW.state = 'dead')::int - (OLD.state = 'dead')::int,
        cancelled = cancelled + (NEW.state = 'cancelled')::int - (OLD.state = 'cancelled')::int,
        died = died + (NEW.state = 'dead')::int,
        bytes_delivered = bytes_delivered + CASE WHEN NEW.state = 'succeeded' THEN NEW.bytes_done ELSE 0 END
    WHERE shard = pg_backend_pid() % 64;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_count AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state NOT IN ('queued', 'leased') OR NEW.state NOT IN ('queued', 'leased')))
    EXECUTE FUNCTION jobs_count();

-- +goose StatementBegin
CREATE FUNCTION files_count() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ready   integer := (NEW.deleted_at IS NULL AND NEW.state = 'ready')::int;
    pending integer := (NEW.deleted_at IS NULL AND NEW.state = 'pending')::int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        ready := ready - (OLD.deleted_at IS NULL AND OLD.state = 'ready')::int;
        pending := pending - (OLD.deleted_at IS NULL AND OLD.state = 'pending')::int;
    END IF;
    UPDATE totals SET
        files_ready = files_ready + ready,
        files_pending = files_pending + pending,
        bytes_stored = bytes_stored + ready * NEW.size
    WHERE shard = pg_backend_pid() % 64;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER files_count AFTER INSERT OR UPDATE OF state, deleted_at ON files FOR EACH ROW EXECUTE FUNCTION files_count();
