//go:build images

package imagetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/testenv"
)

// tlsDatabase has PostgreSQL prove itself by the authority in the image's bundle, and returns the secret as RDS's is. The
// backend wants that proof of a database that a secret names (sslmode=verify-full).
func tlsDatabase(t *testing.T) map[string]any {
	t.Helper()
	at, err := url.Parse(testenv.Database(t))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), at.String())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var dir string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&dir))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	for name, text := range map[string][]byte{"server.crt": shared.pki.certificate, "server.key": shared.pki.key} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}
	for _, statement := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	password, _ := at.User.Password()
	return map[string]any{
		"engine": "postgres", "host": at.Hostname(), "port": json.Number(at.Port()), "dbname": strings.TrimPrefix(at.Path, "/"),
		"username": at.User.Username(), "password": password,
	}
}

// secretsManager answers GetSecretValue.
func secretsManager(t *testing.T, secrets map[string]any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ SecretId string }
		secret, found := secrets[""], false
		if json.NewDecoder(r.Body).Decode(&q) == nil && r.Header.Get("X-Amz-Target") == "secretsmanager.GetSecretValue" {
			secret, found = secrets[q.SecretId], true
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if !found || secret == nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type": "ResourceNotFoundException"}`)
			return
		}
		text, _ := json.Marshal(secret)
		_ = json.NewEncoder(w).Encode(map[string]string{"ARN": q.SecretId, "SecretString": string(text)})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// upload stores a file in parts.
func upload(t *testing.T, c *client.API, body []byte) api.File {
	t.Helper()
	const part = 5 << 20
	n := api.NewFile{Name: "file", Size: int64(len(body)), PartSize: part, Sha256: hash(body)}
	for from := 0; from < len(body); from += part {
		n.PartDigests = append(n.PartDigests, hash(body[from:min(from+part, len(body))]))
	}
	file, err := c.CreateFile(t.Context(), n)
	require.NoError(t, err)
	up, err := c.CreateUpload(t.Context(), file.Id)
	require.NoError(t, err)
	parts, err := c.UploadParts(t.Context(), file.Id, up.Id, 1000, "")
	require.NoError(t, err)
	for i, p := range parts.Parts {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, *p.Url, bytes.NewReader(body[i*part:min((i+1)*part, len(body))]))
		require.NoError(t, err)
		for key, value := range *p.Headers {
			q.Header.Set(key, value)
		}
		resp, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	file, err = c.CompleteUpload(t.Context(), file.Id, up.Id)
	require.NoError(t, err)
	return file
}
