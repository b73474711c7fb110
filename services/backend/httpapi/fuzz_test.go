package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
	"scalable-backend/services/backend/httpapi"
)

// ghostStore takes everything and keeps nothing: fuzzing is about what comes before a store. What it lacks must not be called.
type ghostStore struct {
	backend.Store
	files []backend.File
	after backend.Cursor // of the last list of files
}

var ghostTime = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func (s *ghostStore) CreateFile(_ context.Context, f backend.NewFile) (backend.File, error) {
	return backend.File{ID: uuid.New(), NewFile: f, State: backend.FilePending, CreatedAt: ghostTime}, nil
}

func (s *ghostStore) ListFiles(_ context.Context, _ backend.FileFilter, p backend.Page) ([]backend.File, error) {
	s.after = p.After
	return s.files[:min(p.Size, len(s.files))], nil
}

func (s *ghostStore) SubmitJobs(_ context.Context, jobs []backend.NewJob) ([]backend.SubmittedJob, error) {
	submitted := make([]backend.SubmittedJob, len(jobs))
	for i, j := range jobs {
		submitted[i].Job = backend.Job{ID: uuid.New(), NewJob: j, State: backend.JobQueued, CreatedAt: ghostTime}
	}
	return submitted, nil
}

func (s *ghostStore) ClaimJobs(context.Context, backend.Claim) ([]backend.Lease, error) {
	return nil, nil
}

// NextDue is asked by those who would wait: fuzzing does not.
func (s *ghostStore) NextDue(context.Context) (time.Duration, bool, error) {
	return 0, false, backend.Errorf(backend.Unprocessable, "nobody waits here")
}

func (s *ghostStore) Heartbeat(_ context.Context, _ backend.Claim, p []backend.Progress) ([]backend.LeaseStatus, error) {
	return slices.Repeat([]backend.LeaseStatus{backend.LeaseLost}, len(p)), nil
}

func (s *ghostStore) FinishLease(_ context.Context, id uuid.UUID, _ string, o backend.Outcome) (backend.Job, error) {
	return backend.Job{ID: id, Problem: o.Problem, CreatedAt: ghostTime}, nil
}

func (s *ghostStore) CreateToken(_ context.Context, t backend.Token, _ [32]byte) (backend.Token, error) {
	t.CreatedAt = ghostTime
	return t, nil
}

func (s *ghostStore) Audited(
	ctx context.Context, _ backend.AuditEvent, do func(context.Context, backend.Store) (string, string, error),
) error {
	_, _, err := do(ctx, s)
	return err
}

func (s *ghostStore) TokenByHash(context.Context, [32]byte) (backend.Token, error) {
	return backend.Token{Scopes: []backend.Scope{backend.Admin, backend.FilesRead, backend.FilesWrite, backend.Jobs}}, nil
}

func (s *ghostStore) Once(
	ctx context.Context,
	_ backend.IdempotencyKey,
	do func(context.Context, backend.Store) (backend.Response, error),
) (backend.Response, error) {
	return do(ctx, s)
}

func ghost(t testing.TB, s *ghostStore) http.Handler {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	a, err := httpapi.New(httpapi.Config{
		Service: backend.NewService(s, nil, backend.ServiceConfig{LeaseTTL: time.Minute, Logger: logger}),
		Secret:  []byte(adminToken), Logger: logger,
	})
	require.NoError(t, err)
	return a.Public()
}

func ask(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Only a token that this service made, for this list, leads anywhere, and it leads to where it was made. The input is a token,
// or, when that is empty, what is done to a good one: a byte is changed, and the rest cut off.
func FuzzPageToken(f *testing.F) {
	store := &ghostStore{files: make([]backend.File, 2)}
	for i := range store.files {
		store.files[i] = backend.File{ID: uuid.MustParse(someID), CreatedAt: ghostTime, State: backend.FileReady}
	}
	h := ghost(f, store)
	made := func(query string) string {
		var page api.FilePage
		w := ask(h, "GET", "/v1/files?page_size=1"+query, "")
		require.NoError(f, json.Unmarshal(w.Body.Bytes(), &page), "%s", w.Body)
		require.NotNil(f, page.NextPageToken)
		return *page.NextPageToken
	}
	good := made("")
	want, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(f, err)
	for _, seed := range []string{good, made("&state=ready"), "AAAA", "\n", "%00", "\xff", strings.Repeat("A", 5000)} {
		f.Add(seed, uint8(0), byte(0), uint8(0))
	}
	f.Add("", uint8(0), byte(0), uint8(0))
	f.Add("", uint8(69), byte(1), uint8(0))
	f.Add("", uint8(3), byte('A'), uint8(12))
	f.Fuzz(func(t *testing.T, token string, at, flip byte, cut uint8) {
		changed := token == ""
		if changed {
			b := []byte(good)
			b[int(at)%len(b)] ^= flip
			token = string(b[:len(b)-int(cut)%len(b)])
		}
		store.after = backend.Cursor{}
		w := ask(h, "GET", "/v1/files?page_size=1&page_token="+url.QueryEscape(token), "")
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if changed && err == nil && bytes.Equal(raw, want) {
			require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		} else if changed {
			require.Equal(t, http.StatusBadRequest, w.Code, "%q: %s", token, w.Body)
		}
		if w.Code == http.StatusOK {
			require.Equal(t, backend.Cursor{CreatedAt: ghostTime, ID: uuid.MustParse(someID)}, store.after)
			return
		}
		require.Equal(t, http.StatusBadRequest, w.Code, "%q: %s", token, w.Body)
		require.Zero(t, store.after)
		requireProblem(t, w)
	})
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var p api.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), "%s", w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, w.Code, p.Status)
}

const someID = "0198b2f4-0000-7000-8000-000000000001"

// withBody are all operations that take a body, and what one of them looks like.
var withBody = []struct {
	method, path, body string
	good               int
}{
	{"POST", "/v1/files", `{"name":"a/b","size":6,"sha256":"D","part_size":5242880,"part_digests":["D"]}`, 201},
	{"POST", "/v1/jobs", `{"jobs":[{"file_id":"` + someID + `","dest":"x/y","priority":-3,"max_attempts":2}]}`, 201},
	{"POST", "/v1/leases", `{"agent_id":"` + someID + `","max":16,"wait_s":0,"name":"n","version":"v"}`, 200},
	{"PUT", "/v1/leases/" + someID + "/outcome", `{"status":"succeeded","sha256":"D","bytes":6,"ms":12}`, 200},
	{"PUT", "/v1/leases/" + someID + "/outcome", `{"status":"failed","problem":{"title":"t","detail":"d"}}`, 200},
	{"POST", "/v1/agents/" + someID + "/heartbeats", `{"leases":[{"lease_id":"` + someID + `","bytes_done":5}],"name":"n"}`, 200},
	{"POST", "/v1/tokens", `{"name":"t","scopes":["jobs"],"expires_at":"2999-01-01T00:00:00Z"}`, 201},
}

// Whatever a body holds, the answer is the operation's own or a problem that is the caller's fault.
func FuzzRequestBody(f *testing.F) {
	for i, op := range withBody {
		f.Add(uint8(i), strings.ReplaceAll(op.body, "D", strings.Repeat("ab", 32)))
	}
	for i, body := range []string{`null`, `[]`, `{}`, `{"jobs":[{}]}`, `{"max":1e400}`, `{"agent_id":1,"max":-0}`,
		`{"a":{"a":{"a":[[[[]]]]}}}`, `{"name":"\ud800","name":"b"}`, "{}\n{}"} {
		f.Add(uint8(i), body)
	}
	h := ghost(f, &ghostStore{})
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		op := withBody[int(which)%len(withBody)]
		if body == "" {
			body = " "
		}
		w := ask(h, op.method, op.path, body)
		if w.Code == op.good {
			require.True(t, json.Valid([]byte(body)), "%q was taken", body)
			require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
			return
		}
		require.Contains(t, []int{400, 413, 422}, w.Code, "%s %s %q: %s", op.method, op.path, body, w.Body)
		requireProblem(t, w)
	})
}

// The bodies that fuzzing begins with reach the store: what it varies is not refused at the first field.
func TestTheFuzzedBodiesAreGood(t *testing.T) {
	t.Parallel()
	h := ghost(t, &ghostStore{})
	for _, op := range withBody {
		w := ask(h, op.method, op.path, strings.ReplaceAll(op.body, "D", strings.Repeat("ab", 32)))
		require.Equal(t, op.good, w.Code, "%s: %s", op.path, w.Body)
	}
}
