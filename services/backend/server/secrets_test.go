package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/config"
	"scalable-backend/services/backend/postgres"
)

// secretServer is a Secrets Manager of two secrets.
type secretServer struct {
	mu    sync.Mutex
	text  string
	err   error
	reads atomic.Int64
}

func (s *secretServer) GetSecretValue(
	_ context.Context,
	in *secretsmanager.GetSecretValueInput,
	_ ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	s.reads.Add(1)
	time.Sleep(10 * time.Millisecond) // as long as it takes for the others to ask
	s.mu.Lock()
	defer s.mu.Unlock()
	return &secretsmanager.GetSecretValueOutput{ARN: in.SecretId, SecretString: aws.String(s.text)}, s.err
}

func (s *secretServer) set(text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

func secretWith(password string) string {
	return `{"engine":"postgres","host":"db.internal","port":5432,"dbname":"backend","username":"backend","password":"` + password + `"}`
}

func TestDatabaseSecret(t *testing.T) {
	t.Parallel()
	s := &secretServer{text: secretWith("one")}
	cache := (&cloud{config: config.Config{DatabaseSecretARN: "arn"}, secrets: s}).databaseSecret()
	want := postgres.Credentials{Host: "db.internal", Port: 5432, Database: "backend", User: "backend", Password: "one"}

	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := cache.Credentials(t.Context())
			if err != nil || got != want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, s.reads.Load(), "many who ask at once cause one read")

	s.set(secretWith("two"), nil)
	got, err := cache.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one", got.Password, "not old yet")
	cache.Invalidate(want)
	got, err = cache.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "two", got.Password)
	cache.Invalidate(want) // a late word on what is not in use any more
	_, err = cache.Credentials(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, s.reads.Load())

	s.set("", errors.New("throttled"))
	cache.mu.Lock()
	cache.until = time.Now()
	cache.mu.Unlock()
	got, err = cache.Credentials(t.Context())
	require.NoError(t, err, "old credentials are better than none")
	require.Equal(t, "two", got.Password)
	require.EqualValues(t, 3, s.reads.Load(), "it was tried")
	cache.Invalidate(got)
	_, err = cache.Credentials(t.Context())
	require.ErrorContains(t, err, "throttled")
}

// A database at a new address refuses no password, so only the secret's age makes this read it again.
func TestOldSecretIsReadAgain(t *testing.T) {
	t.Parallel()
	var reads int
	cache := newSecretCache(50*time.Millisecond, func(context.Context) (postgres.Credentials, error) {
		reads++
		return postgres.Credentials{Host: fmt.Sprintf("db-%d", reads)}, nil
	})
	first, err := cache.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "db-1", first.Host)
	require.Eventually(t, func() bool {
		got, err := cache.Credentials(t.Context())
		return err == nil && got.Host == "db-2"
	}, time.Minute, 5*time.Millisecond)
}

func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hunter2", `{"token":"short"}`, `{"host":"h","port":0,"dbname":"d","username":"u"}`,
		`{"host":"h","port":99999,"dbname":"d","username":"u","password":"hunter2"}`} {
		c := &cloud{config: config.Config{DatabaseSecretARN: "arn:db", AdminTokenSecretARN: "arn:admin"}, secrets: &secretServer{text: text}}
		_, err := c.adminToken(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		_, err = c.databaseSecret().Credentials(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
	c := &cloud{config: config.Config{AdminTokenSecretARN: "arn:admin"}, secrets: &secretServer{text: `{"token":"0123456789abcdef"}`}}
	token, err := c.adminToken(t.Context())
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", token)
}
