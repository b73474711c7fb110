//go:build browser

package browsertest

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// history makes what a busy hour leaves, for the pictures.
func (b *bundle) history() {
	b.t.Helper()
	for i := range 6 {
		f := b.file(fmt.Sprintf("archive/2026/week-%02d.tar", 41+i), int64(180_000_000+i*91_000_000))
		for _, site := range []string{"north", "south", "harbour"} {
			b.submit(f, fmt.Sprintf("%s/week-%02d.tar", site, 41+i))
		}
	}
	for i := range 14 {
		name := fmt.Sprintf("agent-%d", i%3+1)
		_, leases := b.agent(name, 1)
		sum, size := leases[0].File.SHA256, leases[0].File.Size
		outcome := backend.Outcome{Status: backend.Succeeded, SHA256: &sum, Bytes: &size, Duration: time.Duration(1700+i*230) * time.Millisecond}
		if i%5 == 4 {
			outcome = backend.Outcome{Status: backend.Failed, Duration: 900 * time.Millisecond, Problem: &backend.JobProblem{
				Title: "the source answered 503 Service Unavailable", Detail: "4 tries in 41 s, the last one at s3.eu-central-1.amazonaws.com",
			}}
		}
		_, err := b.store.FinishLease(b.t.Context(), leases[0].ID, "caller", outcome)
		require.NoError(b.t, err)
	}
	claim, leases := b.agent("agent-2", 2)
	_, err := b.store.Heartbeat(b.t.Context(), claim, []backend.Progress{
		{LeaseID: leases[0].ID, BytesDone: leases[0].File.Size * 6 / 10}, {LeaseID: leases[1].ID, BytesDone: leases[1].File.Size / 4},
	})
	require.NoError(b.t, err)
	conn, err := pgx.Connect(b.t.Context(), b.database)
	require.NoError(b.t, err)
	defer conn.Close(b.t.Context())
	_, err = conn.Exec(b.t.Context(), `
		WITH s AS (SELECT n, now() - (360 - n) * interval '10 s' AS at FROM generate_series(1, 360) n)
		INSERT INTO samples
		SELECT at, (90 + 80 * sin(n / 34.0) + 20 * sin(n / 5.0))::int, 12, n * 3, 3, 0, 14, 3, 6, 0, 2452000000,
			n * 410000000::bigint + (sum(900000000 * (1 + sin(n / 21.0))) OVER (ORDER BY n))::bigint, 30,
			CASE WHEN n % 60 < 14 THEN n % 7 ELSE 0 END, n
		FROM s`)
	require.NoError(b.t, err)
}
