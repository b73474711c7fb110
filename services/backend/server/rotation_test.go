package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/server"
	"scalable-backend/services/internal/testenv"
)

// secretsManager answers GetSecretValue with the database's secret.
type secretsManager struct {
	mu       sync.Mutex
	host     string
	port     string
	database string
	password string
	reads    atomic.Int64
}

func (s *secretsManager) set(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
}

func (s *secretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	secret, err := json.Marshal(
		map[string]any{
			"engine":   "postgres",
			"host":     s.host,
			"port":     json.Number(s.port),
			"dbname":   s.database,
			"username": s.database,
			"password": s.password,
		},
	)
	if err == nil {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		err = json.NewEncoder(w).
			Encode(map[string]string{"ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", "SecretString": string(secret)})
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// TestPasswordRotation changes the database's password under load, once before the secret and once after it, and has the backend
// open connections in between. Not one request fails.
func TestPasswordRotation(t *testing.T) {
	ctx := t.Context()
	address := testenv.Database(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	admin, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer admin.Close(context.WithoutCancel(ctx))
	exec := func(sql string) {
		_, err := admin.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
	role := u.Path[1:] // roles are the server's, not the database's: named like the database it is this test's own
	exec("CREATE ROLE " + role + " LOGIN PASSWORD 'zero'")
	exec("GRANT ALL ON SCHEMA public TO " + role)
	exec("GRANT ALL ON DATABASE " + role + " TO " + role)
	secrets := &secretsManager{host: "127.0.0.1", port: u.Port(), database: u.Path[1:], password: "zero"}
	endpoint := httptest.NewServer(secrets)
	defer endpoint.Close()
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	r := startWith(t, environ(t, map[string]string{
		"BACKEND_DATABASE_URL": "", "BACKEND_DATABASE_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
		"BACKEND_DATABASE_CA_FILE":   secureServer(t, admin),
		"BACKEND_DATABASE_MAX_CONNS": "45", "BACKEND_LOG_LEVEL": "info", "BACKEND_LEASE_TTL": "60s", "BACKEND_SWEEP_INTERVAL": "1s",
	}), server.RunPatiently)

	var requests, stopped atomic.Int64
	var all sync.WaitGroup
	defer all.Wait()
	defer stopped.Store(1)
	request := func() {
		// A page of its own, which no other request shares.
		status, answer, err := r.request("GET", fmt.Sprint("/v1/files?page_size=", 1+requests.Add(1)%1000), nil)
		if err != nil || status != 200 {
			t.Errorf("a request failed: %d %v %v", status, answer, err)
		}
	}
	for range 3 {
		all.Go(func() {
			for stopped.Load() == 0 {
				request()
			}
		})
	}
	connections := func() (n int) {
		require.NoError(t, admin.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role).Scan(&n))
		return n
	}
	// grow holds every request at a lock, so that the ones that come need connections of their own.
	grow := func(meanwhile func()) {
		to := connections() + 4
		lock, err := pgx.Connect(ctx, address)
		require.NoError(t, err)
		defer lock.Close(context.WithoutCancel(ctx))
		_, err = lock.Exec(ctx, "BEGIN; LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		for range to {
			all.Go(request)
		}
		meanwhile()
		require.Eventually(t, func() bool { return connections() >= to }, patience, 5*time.Millisecond, "connections with the new password")
	}
	grow(func() {})
	exec("ALTER ROLE " + role + " PASSWORD 'one'") // the database first
	reads := secrets.reads.Load()
	grow(func() {
		require.Eventually(
			t,
			func() bool { return secrets.reads.Load() > reads },
			patience,
			time.Millisecond,
			"a refusal has the secret read",
		)
		secrets.set("one")
	})
	secrets.set("two") // the secret first
	exec("ALTER ROLE " + role + " PASSWORD 'two'")
	grow(func() {})
	require.NotZero(t, requests.Load())
	t.Logf("%d requests, %d reads of the secret, %d connections", requests.Load(), secrets.reads.Load(), connections())
}

// secureServer has the private PostgreSQL speak TLS and returns the file of its certificate's authority, which it is itself.
func secureServer(t *testing.T, admin *pgx.Conn) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter: time.Now().
			Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	// The server runs as a user of its own, and reads only a key that is its: it writes both files itself.
	for name, text := range map[string][]byte{"server.crt": certificate, "server.key": private} {
		_, err := admin.Exec(
			t.Context(),
			fmt.Sprintf(`COPY (SELECT unnest(string_to_array('%s', E'\n'))) TO PROGRAM 'umask 077; cat > %s'`, text, name),
		)
		require.NoError(t, err)
	}
	_, err = admin.Exec(t.Context(), "ALTER SYSTEM SET ssl = on")
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "SELECT pg_reload_conf()")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var on string
		return admin.QueryRow(t.Context(), "SHOW ssl").Scan(&on) == nil && on == "on"
	}, patience, 10*time.Millisecond)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, certificate, 0o600))
	return file
}
