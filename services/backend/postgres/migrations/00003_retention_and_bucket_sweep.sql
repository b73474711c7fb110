-- +goose Up
-- Events stay as they are written; only retention removes them, together with their job. It says who it is for its transaction.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION job_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('backend.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'job_events is append-only';
END $$;
-- +goose StatementEnd

-- One row: where the comparison of the bucket with the catalogue has come to, and when it goes on.
CREATE TABLE bucket_sweep (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_at       timestamptz NOT NULL DEFAULT now(),
    object_key    text NOT NULL DEFAULT '',
    object_mark   text NOT NULL DEFAULT '', -- the version
    upload_key    text NOT NULL DEFAULT '',
    upload_mark   text NOT NULL DEFAULT ''  -- the object store's id of the upload
);
INSERT INTO bucket_sweep DEFAULT VALUES;
