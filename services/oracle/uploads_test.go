package oracle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/backend/postgres"
)

// clientEnv is the environment of the command-line client.
func (s *system) clientEnv() map[string]string {
	return map[string]string{
		"AGENT_API_URL": s.publicURL, "AGENT_AUTH": "token", "AGENT_TOKEN": s.userToken, "AGENT_INSECURE_SOURCES": "true",
		"AGENT_SOURCE_HOSTS": "127.0.0.1",
	}
}

// write makes a file of random bytes below the run's directory.
func (s *system) write(name string, size int64, stream byte) (f file, path string, err error) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], s.seed)
	copy(key[8:], name)
	key[31] = stream
	data, err := io.ReadAll(io.LimitReader(rand.NewChaCha8(key), size))
	if err != nil {
		return f, "", err
	}
	path = filepath.Join(s.dir, "source", name)
	return file{name: name, size: size, sha256: sha256.Sum256(data)}, path, os.WriteFile(path, data, 0o600)
}

// troubleUploads has a person upload files and delete half of them again. The client is killed in the middle now and then, and called
// again until it says that all is done.
func (s *system) troubleUploads(ctx context.Context, rng *rand.Rand, end time.Time) error {
	for n := 0; rest(ctx, between(rng, 200*time.Millisecond, time.Second), end); n++ {
		f, path, err := s.write(fmt.Sprintf("later-%04d", n), sizes[rng.IntN(len(sizes))], 1)
		if err != nil {
			return err
		}
		if err := s.insist(ctx, rng, "upload", path); err != nil {
			return err
		}
		if rng.IntN(2) == 0 {
			if err := s.insist(ctx, rng, "delete", f.name); err != nil {
				return err
			}
			s.deleted = append(s.deleted, f)
			continue
		}
		s.later = append(s.later, f)
	}
	return nil
}

// insist runs a command of the client until it succeeds, killing it up to three times before. What an earlier run has deleted is not
// found.
func (s *system) insist(ctx context.Context, rng *rand.Rand, command, what string) error {
	const notFound = 4
	limit := time.Now().Add(4 * patience)
	for try := 0; time.Now().Before(limit) && ctx.Err() == nil; try++ {
		p, err := s.launch(command, "agent", []string{command, what}, s.clientEnv())
		if err != nil {
			return err
		}
		if try < 3 && rng.IntN(3) > 0 {
			select {
			case <-p.Done():
			case <-time.After(between(rng, 0, 1500*time.Millisecond)):
				s.counts.clients.Add(1)
				p.Stop(syscall.SIGKILL, patience)
			}
		}
		<-p.Done()
		if code := p.ExitCode(); code == 0 || (command == "delete" && try > 0 && code == notFound) {
			return nil
		}
	}
	return fmt.Errorf("agent %s %s never succeeded, see %s", command, what, s.log(command))
}

// judgeBucket holds catalogue and bucket against what was uploaded and deleted: nothing is lost, and, once the bucket was compared
// with the catalogue, nothing is left over.
func (s *system) judgeBucket() {
	ctx := s.t.Context()
	store, err := postgres.Open(ctx, postgres.Options{
		URL: s.postgres.URL("backend"), MaxConns: 4, CallTimeout: patience, StatementTimeout: patience, LockTimeout: patience,
		AcquireTimeout: patience, ConnectTimeout: patience,
	})
	require.NoError(s.t, err)
	defer store.Close()
	objects, err := objectstore.New(objectstore.Config{
		Bucket: "oracle", Region: s.s3.Region, Endpoint: s.s3.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s.s3.AccessKey, s.s3.SecretKey, ""),
	})
	require.NoError(s.t, err)
	defer objects.Close()

	var page api.FilePage
	s.must(ctx, s.userToken, http.MethodGet, "/v1/files?page_size=1000", "", nil, &page)
	digests := map[string]string{}
	for _, f := range page.Files {
		require.Equal(s.t, api.FileStateReady, f.State, "%s: its upload was insisted on", f.Name)
		digests[f.Name] = f.Sha256
	}
	require.Len(s.t, page.Files, len(digests), "one entry a name")
	kept := append(append([]file{}, s.files...), s.later...)
	require.Len(s.t, digests, len(kept), "%d files were deleted", len(s.deleted))
	for _, f := range kept {
		require.Equal(s.t, fmt.Sprintf("%x", f.sha256), digests[f.name], f.name)
	}

	// What is younger than an hour is left alone by the backends; here nothing is under way any more.
	service := backend.NewService(store, objects, backend.ServiceConfig{
		MultipartGrace: time.Nanosecond, Logger: slog.New(slog.DiscardHandler),
	})
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		_, err := service.SweepBucket(ctx, time.Nanosecond) // nothing happens when one of the backends has just had its turn
		require.NoError(c, err)
		there, _, err := objects.ListObjects(ctx, backend.Mark{}, 1000)
		require.NoError(c, err)
		require.Len(c, there, len(kept), "an object for each file, and nothing else")
		parts, _, err := objects.ListMultiparts(ctx, backend.Mark{}, 1000)
		require.NoError(c, err)
		require.Empty(c, parts)
	}, patience, 50*time.Millisecond)
	for _, f := range page.Files {
		s.judgeObject(f)
	}
	s.t.Logf("%d files uploaded and kept, %d uploaded and deleted; the client was killed %d times",
		len(kept), len(s.deleted), s.counts.clients.Load())
}

// judgeObject reads a file's bytes where the API says that they are.
func (s *system) judgeObject(f api.File) {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.publicURL+"/v1/files/"+f.Id+"/content", nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.userToken)
	answer, err := s.client.Do(r) // follows the redirect, without the token
	require.NoError(s.t, err)
	defer answer.Body.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, answer.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, f.Sha256, fmt.Sprintf("%x", hash.Sum(nil)), "the bytes of %s", f.Name)
}
