package postgres

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/testenv"
)

// former is the release before this one: its migrations, and every statement that it sends, one quoted text a line. While a
// deployment rolls, it works on the schema of this one. To renew the statements at a release, collect pg_prepared_statements of the
// connections of this package's tests.
const former = "testdata/release-0.1.0"

// Each migration since the former release leaves all of its statements valid, one migration after the other.
func TestMigrationsLeaveTheFormerReleaseItsStatements(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	old, err := fs.Glob(os.DirFS(former), "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, old)
	for _, name := range old {
		text, err := os.ReadFile(path.Join(former, name))
		require.NoError(t, err)
		now, err := embedded.ReadFile("migrations/" + name)
		require.NoError(t, err)
		require.Equal(t, string(text), string(now), "a migration that was released never changes")
		files[name] = &fstest.MapFile{Data: text}
	}
	s := open(t, testenv.Database(t))
	require.NoError(t, s.migrate(t.Context(), files))
	statements := formerStatements(t)
	prepare(t, s, "the former schema", statements)

	all, err := fs.Glob(embedded, "migrations/*.sql")
	require.NoError(t, err)
	require.Greater(t, len(all), len(old))
	for _, name := range all { // in the order of their numbers
		text, err := embedded.ReadFile(name)
		require.NoError(t, err)
		files[path.Base(name)] = &fstest.MapFile{Data: text}
		require.NoError(t, s.migrate(t.Context(), files))
		prepare(t, s, name, statements)
	}
}

func formerStatements(t *testing.T) (statements []string) {
	t.Helper()
	text, err := os.ReadFile(path.Join(former, "statements.txt"))
	require.NoError(t, err)
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		sql, err := strconv.Unquote(scanner.Text())
		require.NoError(t, err)
		statements = append(statements, sql)
	}
	require.NoError(t, scanner.Err())
	require.Greater(t, len(statements), 50)
	return statements
}

// prepare has the server check all statements, without running them.
func prepare(t *testing.T, s *Store, schema string, statements []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL)
	require.NoError(t, err)
	defer closeConn(conn)
	for _, sql := range statements {
		_, err := conn.Prepare(t.Context(), "", sql)
		require.NoError(t, err, "%s:\n%s", schema, sql)
	}
}
