package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scalable-backend/services/backend"
)

// constraints maps a violated constraint to what the caller did wrong. A constraint that is not listed can be violated only by a
// fault of this program.
var constraints = map[string]struct {
	code   backend.Code
	detail string
}{
	"jobs_active_twin":        {backend.Conflict, "the file has an active job with the same destination"},
	"jobs_file_id_fkey":       {backend.Unprocessable, "no such file"},
	"jobs_dest_check":         {backend.Invalid, "dest: want a path"},
	"jobs_priority_check":     {backend.Invalid, "priority: want -100..100"},
	"jobs_max_attempts_check": {backend.Invalid, "max_attempts: want 1..100"},
	"files_name_check":        {backend.Invalid, "name: want a path"},
	"files_size_check":        {backend.Invalid, "size: want 0 or more"},
	"files_part_size_check":   {backend.Invalid, "part_size: want 1 or more"},
	"files_part_sha256_check": {backend.Invalid, "part_digests: want one for each part"},
	"uploads_file_id_fkey":    {backend.NotFound, "no such file"},
	"uploads_s3_key_key":      {backend.Conflict, "an upload with this key exists"},
	"tokens_hash_key":         {backend.Conflict, "this token exists"},
	"tokens_scopes_check":     {backend.Invalid, "scopes: want at least one"},
	"tokens_pkey":             {backend.Conflict, "a token with this id exists"},
}

// mapError turns an error of the database into one that a caller may see. It decides by code and constraint name only.
func mapError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*backend.Error](err); ok {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if lost(err) {
			return unavailable(err)
		}
		return err
	}
	if c, ok := constraints[pg.ConstraintName]; ok {
		return &backend.Error{Code: c.code, Detail: c.detail, Cause: err}
	}
	switch {
	case strings.HasPrefix(pg.Code, "22"): // data exception: a text with a zero byte, a number out of range
		return &backend.Error{Code: backend.Invalid, Detail: "a value cannot be stored", Cause: err}
	case notNow(pg.Code):
		return unavailable(err)
	default:
		return err
	}
}

// notNow reports whether the same statement may succeed a little later.
func notNow(code string) bool {
	switch code {
	case "25006", // read-only: a failover is going on
		"28000", "28P01", // the credentials are being rotated
		"55P03",          // lock timeout
		"57014",          // statement timeout; cancellations by the caller are told apart before
		"25P03",          // idle in transaction for too long
		"40001", "40P01": // serialization failure, deadlock: even after all tries
		return true
	}
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" || class == "57" || class == "58" // connection, resources, shutdown, system
}

// lost reports whether err means that a connection broke or could not be made.
func lost(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return connecting || pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) ||
		network(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func network(err error) bool {
	_, ok := errors.AsType[net.Error](err)
	return ok
}

func unavailable(cause error) error {
	return &backend.Error{
		Code: backend.Unavailable, Detail: "the database does not answer", RetryAfter: 2 * time.Second, Cause: cause,
	}
}

func hasCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}
