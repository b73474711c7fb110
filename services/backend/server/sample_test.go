package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A running backend samples its numbers from the start on.
func TestTheNumbersAreSampled(t *testing.T) {
	t.Parallel()
	variables := environ(t, nil)
	r := start(t, variables)
	var url string
	for _, v := range variables {
		if rest, ok := strings.CutPrefix(v, "BACKEND_DATABASE_URL="); ok {
			url = rest
		}
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.Eventually(t, func() bool {
		var count int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM samples").Scan(&count)
		return err == nil && count == 1
	}, patience, 20*time.Millisecond)
	r.stop()
	require.NoError(t, r.ended())
}
