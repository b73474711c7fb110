package backend

import (
	"context"
	"time"
)

// AuditEvent tells of one change that a person or a program asked for.
type AuditEvent struct {
	At         time.Time
	Caller     string // its id: "token:<uuid>" or an IAM ARN
	CallerName string // of a token; "" for others
	Door       Door
	Action     string // "job cancelled", "job retried", "file deleted", "token made", "token revoked"
	Object     string // the id of what was changed
	Detail     string // what a person reads of it: a destination or a name
}

// AuditStore keeps who changed what.
type AuditStore interface {
	// Audited runs do in a transaction together with storing the event whose object and detail it returns. An error of do rolls
	// everything back. do may run again in a new transaction, so it does nothing but with tx.
	Audited(ctx context.Context, e AuditEvent, do func(ctx context.Context, tx Store) (object, detail string, err error)) error
	// ListAudit returns the newest events, the newest first.
	ListAudit(ctx context.Context, limit int) ([]AuditEvent, error)
}
