-- +goose Up
-- The numbers of the last hour, for the console: one row every ten seconds, and older ones are removed as new ones come.
CREATE TABLE samples (
    at              timestamptz PRIMARY KEY DEFAULT now(),
    queued          bigint NOT NULL,
    leased          bigint NOT NULL,
    succeeded       bigint NOT NULL,
    dead            bigint NOT NULL,
    cancelled       bigint NOT NULL,
    oldest_queued_s double precision NOT NULL,
    agents          bigint NOT NULL,
    files_ready     bigint NOT NULL,
    files_pending   bigint NOT NULL,
    bytes_stored    bigint NOT NULL,
    bytes_delivered bigint NOT NULL,
    attempts        bigint NOT NULL, -- that ended between the two samples before
    failed          bigint NOT NULL, -- those of them that ended badly
    last_event      bigint NOT NULL  -- the newest row of job_events then
);

-- Who asked for a change through the API or the console. Kept for a year, whatever becomes of what was changed.
CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    caller      text NOT NULL,
    caller_name text NOT NULL,
    door        text NOT NULL,
    action      text NOT NULL,
    object      text NOT NULL,
    detail      text NOT NULL
);
CREATE INDEX audit_object ON audit (object, at);
CREATE INDEX audit_at ON audit (at);
