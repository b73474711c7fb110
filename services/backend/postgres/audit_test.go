package postgres

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func TestAuditTellsWhoChangedWhat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.submit(1)[0]
	service := backend.NewService(b.Store, nil, backend.ServiceConfig{})
	ctx := backend.WithCaller(t.Context(), backend.Caller{ID: "token:1", Name: "operator", Door: backend.PublicDoor})
	_, err := service.CancelJob(ctx, job.ID)
	require.NoError(t, err)
	_, err = service.RetryJob(ctx, job.ID)
	require.NoError(t, err)
	_, err = service.RetryJob(ctx, job.ID)
	requireCode(t, backend.Conflict, err)
	_, err = service.CancelJob(t.Context(), job.ID) // of the service itself
	require.NoError(t, err)

	audit, err := b.ListAudit(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, audit, 2, "what was refused changed nothing, and what nobody asked for has nobody to name")
	audit[0].At = audit[1].At
	require.Equal(t, backend.AuditEvent{
		At: audit[1].At, Caller: "token:1", CallerName: "operator", Door: backend.PublicDoor, Action: "job retried",
		Object: job.ID.String(), Detail: job.Dest,
	}, audit[0])
	require.Equal(t, "job cancelled", audit[1].Action)

	events, err := b.ListJobEvents(t.Context(), job.ID, 10)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		told = append(told, e.Kind+" "+e.Caller)
	}
	require.Equal(t, []string{"cancelled ", "retried operator", "cancelled operator", "submitted "}, told)

	b.exec(`UPDATE audit SET at = now() - interval '366 days' WHERE action = 'job cancelled'`)
	b.sweep()
	audit, err = b.ListAudit(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, audit, 1)
}

// What fails leaves no event, and its event's failure leaves no change.
func TestAuditIsOfOneTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.submit(1)[0]
	b.exec(`ALTER TABLE audit ADD CONSTRAINT broken CHECK (action <> 'x')`)
	err := b.Audited(t.Context(), backend.AuditEvent{Action: "x"}, func(ctx context.Context, tx backend.Store) (string, string, error) {
		_, err := tx.CancelJob(ctx, job.ID)
		return "", "", err
	})
	require.Error(t, err)
	require.Equal(t, backend.JobQueued, b.job(job.ID).State)
}
