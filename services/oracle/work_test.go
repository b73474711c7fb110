package oracle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// file is what is downloaded, and what it must be wherever it ends up.
type file struct {
	id     string
	name   string
	size   int64
	sha256 [sha256.Size]byte
}

// job is one number: a file at a destination of its own.
type job struct {
	id        string
	dest      string
	file      file
	cancelled bool // asked for
}

// sizes have files without a byte, of one piece, and of several, of which the journals tell.
var sizes = []int64{0, 1, 64 << 10, 1 << 20, 5 << 20, 5<<20 + 1, 12 << 20, 17 << 20, 24<<20 - 3}

// upload makes the files and has the command-line client upload them.
func (s *system) upload() {
	source := filepath.Join(s.dir, "source")
	require.NoError(s.t, os.Mkdir(source, 0o700))
	var paths []string
	for i, size := range sizes {
		f, path, err := s.write(fmt.Sprintf("file-%02d", i), size, 0)
		require.NoError(s.t, err)
		paths = append(paths, path)
		s.files = append(s.files, f)
	}
	var user api.CreatedToken
	ctx := s.t.Context()
	s.must(
		ctx,
		s.adminToken,
		http.MethodPost,
		"/v1/tokens",
		"",
		api.NewToken{Name: "user", Scopes: []api.Scope{api.ScopeFilesRead, api.ScopeFilesWrite, api.ScopeJobs}},
		&user,
	)
	s.userToken = user.Token
	client, err := s.launch("upload", "agent", append([]string{"upload", "--json"}, paths...), s.clientEnv())
	require.NoError(s.t, err)
	<-client.Done()
	var page api.FilePage
	s.must(ctx, user.Token, http.MethodGet, "/v1/files?page_size=1000&state=ready", "", nil, &page)
	require.Len(s.t, page.Files, len(s.files), "see %s", s.log("upload"))
	for _, f := range page.Files {
		for i := range s.files {
			if s.files[i].name == f.Name {
				s.files[i].id = f.Id
			}
		}
	}
}

// order submits numbered jobs, and cancels one now and then. What fails is asked for again, under the same key.
func (s *system) order(ctx context.Context, rng *rand.Rand, end time.Time) error {
	for batch := 0; ; batch++ {
		first := len(s.jobs)
		var jobs api.NewJobs
		for range 4 + rng.IntN(12) {
			j := job{dest: fmt.Sprintf("%02d/job-%06d", len(s.jobs)%7, len(s.jobs)), file: s.files[rng.IntN(len(s.files))]}
			priority, attempts := rng.IntN(5)-2, 8
			s.jobs = append(s.jobs, j)
			jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: j.file.id, Dest: &j.dest, Priority: &priority, MaxAttempts: &attempts})
		}
		var answer api.SubmittedJobs
		if _, err := s.call(ctx, s.userToken, http.MethodPost, "/v1/jobs", fmt.Sprintf("oracle-%d", batch), jobs, &answer); err != nil {
			return err
		}
		for i, j := range answer.Jobs {
			if j.Existing || j.Job.Dest != s.jobs[first+i].dest {
				return fmt.Errorf("job %d came back as %+v", first+i, j)
			}
			s.jobs[first+i].id = j.Job.Id
		}
		if rng.IntN(3) == 0 {
			victim := &s.jobs[rng.IntN(len(s.jobs))]
			status, err := s.call(ctx, s.userToken, http.MethodPut, "/v1/jobs/"+victim.id+"/cancellation", "", nil, nil)
			if err != nil {
				return err
			}
			victim.cancelled = victim.cancelled || status == http.StatusOK
		}
		if !rest(ctx, between(rng, 500*time.Millisecond, 2500*time.Millisecond), end) {
			return nil
		}
	}
}

func (s *system) must(ctx context.Context, token, method, path, key string, body, answer any) {
	s.t.Helper()
	status, err := s.call(ctx, token, method, path, key, body, answer)
	require.NoError(s.t, err)
	require.Less(s.t, status, 300, "%s %s", method, path)
}

// call asks at the public door until there is an answer that a repeat would not change.
func (s *system) call(ctx context.Context, token, method, path, key string, body, answer any) (status int, err error) {
	limit := time.Now().Add(2 * patience)
	for {
		status, err = s.try(ctx, token, method, path, key, body, answer)
		again := err != nil || status >= 500 || status == http.StatusTooManyRequests || (status == http.StatusConflict && key != "")
		if !again || ctx.Err() != nil {
			return status, err
		}
		if time.Now().After(limit) {
			return status, fmt.Errorf("%s %s: no answer but %d, %w", method, path, status, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (s *system) try(ctx context.Context, token, method, path, key string, body, answer any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, s.publicURL+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err = io.ReadAll(response.Body)
	if err == nil && answer != nil && response.StatusCode < 300 {
		err = json.Unmarshal(text, answer)
	}
	return response.StatusCode, err
}
