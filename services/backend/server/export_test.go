package server

import (
	"context"
	"io"
	"time"

	"scalable-backend/services/backend/postgres"
)

// RunPatiently is Run with calls of the database that no slow machine makes fail.
func RunPatiently(ctx context.Context, environ []string, stdout io.Writer) error {
	return run(ctx, nil, environ, stdout, func(o *postgres.Options) {
		const patience = time.Minute
		o.CallTimeout, o.StatementTimeout, o.LockTimeout = patience, patience, patience
		o.AcquireTimeout, o.ConnectTimeout = patience, patience
	})
}
