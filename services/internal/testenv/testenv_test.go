package testenv

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabasesAreSeparateAndSurviveARestart(t *testing.T) {
	a, b := Database(t), Database(t)
	exec := func(url, sql string) error {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer conn.Close(context.WithoutCancel(t.Context()))
		_, err = conn.Exec(t.Context(), sql)
		return err
	}
	require.NoError(t, exec(a, "CREATE TABLE t (x int)"))
	require.Error(t, exec(b, "SELECT * FROM t"), "database b sees the table of database a")

	Postgres(t).Stop()
	require.NoError(t, Postgres(t).Start(t.Context()))
	require.NoError(t, exec(a, "SELECT * FROM t"))
}

func TestBucketsAreSeparate(t *testing.T) {
	a, b := Bucket(t), Bucket(t)
	require.NotEqual(t, a.Bucket, b.Bucket)
	require.Equal(t, a.Endpoint, b.Endpoint)
}
