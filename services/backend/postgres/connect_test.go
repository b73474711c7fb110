package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
	"scalable-backend/services/internal/testenv"
)

// secret is a provider that caches what it read last.
type secret struct {
	mu            sync.Mutex
	stored, known Credentials
	invalidated   atomic.Int64
}

func (s *secret) Credentials(context.Context) (Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == (Credentials{}) {
		s.known = s.stored
	}
	return s.known, nil
}

func (s *secret) Invalidate(refused Credentials) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == refused {
		s.known = Credentials{}
		s.invalidated.Add(1)
	}
}

func (s *secret) set(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored.Password = password
}

// user makes a role that must give its password, and a secret that holds it.
func user(t *testing.T, b *bundle) *secret {
	t.Helper()
	u, err := url.Parse(b.url)
	require.NoError(t, err)
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	require.NoError(t, err)
	c := Credentials{Host: u.Hostname(), Port: uint16(port), Database: u.Path[1:], User: "user_" + u.Path[1:], Password: "first"}
	b.exec(fmt.Sprintf(`CREATE ROLE %s LOGIN SUPERUSER PASSWORD 'first'`, c.User))
	return &secret{stored: c}
}

func TestARotatedPasswordCostsNoRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := user(t, b)
	store := open(t, "", func(o *Options) { o.Credentials, o.Plaintext, o.MaxConns = s, true, 4 })
	require.NoError(t, store.Ping(t.Context()))

	var requests atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for ctx.Err() == nil {
				if _, err := store.Stats(t.Context()); err != nil {
					return err
				}
				requests.Add(1)
			}
			return nil
		})
	}
	for i := range 3 {
		password := fmt.Sprintf("rotated-%d", i)
		s.set(password)
		b.exec(fmt.Sprintf(`ALTER ROLE %s PASSWORD '%s'`, s.stored.User, password))
		store.pool.Reset() // new connections are needed
		n := requests.Load()
		require.Eventually(t, func() bool { return requests.Load() > n+20 }, patience, time.Millisecond)
	}
	stop()
	require.NoError(t, g.Wait())
	require.EqualValues(t, 3, s.invalidated.Load(), "read again once for each rotation")
	require.NoError(t, store.Migrate(t.Context()))
}

func TestAWrongPasswordIsUnavailableAndNeverShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := user(t, b)
	s.set("not-the-password")
	_, err := Open(t.Context(), Options{Credentials: s, Plaintext: true, AcquireTimeout: 5 * time.Second})
	requireCode(t, backend.Unavailable, err)
	require.NotContains(t, err.Error(), "not-the-password")
	require.True(t, hasCode(err, "28P01"))
}

func TestASecretThatIsAheadOfTheServerIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := user(t, b)
	s.set("second")
	opened := make(chan error, 1)
	go func() {
		store, err := Open(context.WithoutCancel(t.Context()), Options{Credentials: s, Plaintext: true, AcquireTimeout: patience})
		if err == nil {
			store.Close()
		}
		opened <- err
	}()
	require.Eventually(t, func() bool { return s.invalidated.Load() > 0 }, patience, time.Millisecond)
	b.exec(fmt.Sprintf(`ALTER ROLE %s PASSWORD 'second'`, s.stored.User))
	require.NoError(t, <-opened)
}

type unreadable struct{}

func (unreadable) Credentials(context.Context) (Credentials, error) {
	return Credentials{}, errors.New("no answer")
}
func (unreadable) Invalidate(Credentials) {}

func TestASecretThatCannotBeReadIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{Credentials: unreadable{}, Plaintext: true})
	requireCode(t, backend.Unavailable, err)
	require.ErrorContains(t, err, "no answer")
}

func TestAnExhaustedPoolIsABoundedWait(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.MaxConns = 1 })
	release := b.hold(`SELECT 1`)
	b.AcquireTimeout = 50 * time.Millisecond
	start := time.Now()
	_, err := b.GetJob(t.Context(), [16]byte{1})
	requireCode(t, backend.Unavailable, err)
	require.Positive(t, err.(*backend.Error).RetryAfter)
	require.Less(t, time.Since(start), patience/3)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.GetJob(cancelled, [16]byte{1})
	require.ErrorIs(t, err, context.Canceled)
	release()
	b.AcquireTimeout = patience
	_, err = b.GetJob(t.Context(), [16]byte{1})
	requireCode(t, backend.NotFound, err)
}

func TestWaitsForLocksAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.LockTimeout = 50 * time.Millisecond })
	job := b.submit(1)[0]
	release := b.hold(`SELECT FROM jobs WHERE id = $1 FOR UPDATE`, job.ID)
	_, err := b.CancelJob(t.Context(), job.ID)
	requireCode(t, backend.Unavailable, err)
	require.Empty(t, b.claim(agent(1)), "a claim passes over it")
	release()
	_, err = b.CancelJob(t.Context(), job.ID)
	require.NoError(t, err)
}

func TestAServerWithoutTheRightCertificateIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte(authority), 0o600))
	_, err := Open(t.Context(), Options{URL: testenv.Database(t), CAFile: file}) // the URL says sslmode=disable
	requireCode(t, backend.Unavailable, err)
	require.ErrorContains(t, err, "TLS")
}

func TestOptionsAreCheckedAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{Credentials: &secret{}, URL: "postgres://x", MaxConns: -1, LeaseTTL: -1})
	for _, field := range []string{"URL, Credentials", "CAFile", "MaxConns", "LeaseTTL"} {
		require.ErrorContains(t, err, field)
	}
	for _, o := range []Options{
		{URL: "postgres://x", CAFile: "/does/not/exist"}, {URL: "postgres://x", CAFile: os.Args[0]}, {URL: "::"},
	} {
		_, err := Open(t.Context(), o)
		require.Error(t, err)
	}
}

func TestDeadlocksAndSerializationFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, code := range []string{"40P01", "40001"} {
		tries := 0
		err := b.atomically(t.Context(), func(*Store) error {
			if tries++; tries < 3 {
				return mapError(&pgconn.PgError{Code: code})
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 3, tries)
		tries = 0
		err = b.atomically(t.Context(), func(*Store) error { tries++; return &pgconn.PgError{Code: code} })
		requireCode(t, backend.Unavailable, err)
		require.Equal(t, conflictTries, tries)
	}
}

func TestErrorsAreMappedByCode(t *testing.T) {
	t.Parallel()
	for want, errs := range map[backend.Code][]error{
		backend.Conflict:      {&pgconn.PgError{Code: "23505", ConstraintName: "jobs_active_twin"}},
		backend.Unprocessable: {&pgconn.PgError{Code: "23503", ConstraintName: "jobs_file_id_fkey"}},
		backend.Invalid:       {&pgconn.PgError{Code: "22021"}, &pgconn.PgError{Code: "22003"}},
		backend.Unavailable: {
			&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "53300"}, &pgconn.PgError{Code: "25006"},
			&pgconn.PgError{Code: "55P03"},
			fmt.Errorf("asking: %w", context.DeadlineExceeded),
		},
		backend.Internal: {&pgconn.PgError{Code: "42P01"}, &pgconn.PgError{Code: "23505", ConstraintName: "leases_pkey"}, errors.New("odd")},
	} {
		for _, err := range errs {
			requireCode(t, want, mapError(err))
			require.ErrorIs(t, mapError(err), err, "the cause stays")
		}
	}
	require.NoError(t, mapError(nil))
}

// authority is a certificate authority that has signed nothing.
const authority = `-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUeSQW0UriOjFtXQy4iZ1YwapkGjYwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMwMjE0MDNaGA8yMTI2MTAzMDAyMTQw
M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABA94
lo8PWcz11dviBy9aDXFWyTMuFXxcK7oRlyR58RokGvNh+S5pErXXZtgiWMbPKegl
Tev/wOTROX7GbO7CYF+jUzBRMB0GA1UdDgQWBBTxLW7KZ6MDPUKTg/zaSIfF4cAg
DzAfBgNVHSMEGDAWgBTxLW7KZ6MDPUKTg/zaSIfF4cAgDzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIDKJBLCGFdrwSU51J09mW5CoK1ZGpOWqC7Sq
Nc9R03UaAiBq46r06DeEdahjGWjSa4MEFPp7j8BR+iCReFJw/6wQUQ==
-----END CERTIFICATE-----
`
