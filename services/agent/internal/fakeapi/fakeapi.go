// Package fakeapi is a small backend in memory for the agent's tests: the same protocol, one lock, no database. It also plays
// the bucket.
package fakeapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
)

// Token is the bearer token that the server takes.
const Token = "test-token"

// Server is the fake. Take Mu to look at or change its fields while it serves.
type Server struct {
	*httptest.Server
	Mu sync.Mutex

	TTL      time.Duration
	URLTTL   time.Duration                                                // of content URLs in lists
	Status   map[string]api.LeaseStatus                                   // of heartbeats, by lease id; ok when missing
	Hook     func(op string, w http.ResponseWriter, r *http.Request) bool // true: it has answered
	Files    []*api.File                                                  // oldest first
	Jobs     []*api.Job
	Attempts map[string][]api.Attempt // newest first, by job id
	Agents   []api.Agent
	Outcomes map[string][]api.Outcome // as received, by lease id
	Beats    []api.Heartbeat
	Requests []api.LeaseRequest
	Calls    []string // operations in order

	objects map[string][]byte // by file id
	parts   map[string][]byte // by upload id and number
	leases  map[string]*lease
	uploads map[string]string // upload id → file id
	ended   map[string]bool   // uploads that the bucket does not know any more
	built   map[string][]byte // the objects of uploads that were completed in the bucket, but not in the catalogue
	tokens  []*api.Token      // oldest first
}

type lease struct {
	api.Lease
	agent   string
	renewed bool
	job     *api.Job
	until   time.Time
	outcome *api.Outcome
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{
		TTL: 3 * time.Second, URLTTL: 15 * time.Minute,
		Status: map[string]api.LeaseStatus{}, Outcomes: map[string][]api.Outcome{}, objects: map[string][]byte{},
		parts: map[string][]byte{}, leases: map[string]*lease{}, uploads: map[string]string{},
		ended: map[string]bool{}, built: map[string][]byte{},
	}
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request){
		"POST /v1/files":                                 s.createFile,
		"GET /v1/files":                                  s.listFiles,
		"GET /v1/files/{id}":                             s.getFile,
		"DELETE /v1/files/{id}":                          s.deleteFile,
		"GET /v1/jobs/{id}":                              s.getJob,
		"GET /v1/jobs/{id}/attempts":                     s.listAttempts,
		"PUT /v1/jobs/{id}/cancellation":                 s.cancelJob,
		"POST /v1/jobs/{id}/retries":                     s.retryJob,
		"GET /v1/stats":                                  s.stats,
		"GET /v1/agents":                                 s.listAgents,
		"GET /v1/whoami":                                 s.whoami,
		"POST /v1/tokens":                                s.createToken,
		"GET /v1/tokens":                                 s.listTokens,
		"DELETE /v1/tokens/{id}":                         s.revokeToken,
		"GET /v1/files/{id}/content":                     s.content,
		"POST /v1/files/{id}/uploads":                    s.createUpload,
		"GET /v1/files/{id}/uploads/{upload}/parts":      s.listParts,
		"PUT /v1/files/{id}/uploads/{upload}/completion": s.complete,
		"POST /v1/jobs":                                  s.createJobs,
		"GET /v1/jobs":                                   s.listJobs,
		"POST /v1/leases":                                s.lease,
		"GET /v1/leases/{id}/source":                     s.source,
		"PUT /v1/leases/{id}/outcome":                    s.outcome,
		"POST /v1/agents/{id}/heartbeats":                s.heartbeat,
		"GET /bucket/{id}":                               s.object,
		"PUT /bucket/{upload}/{number}":                  s.putPart,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(pattern, h, w, r) })
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *Server) serve(pattern string, h http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	bucket := strings.Contains(pattern, "/bucket/")
	if !bucket && r.Header.Get("Authorization") != "Bearer "+Token {
		Problem(w, http.StatusUnauthorized, "no such token")
		return
	}
	if s.Hook != nil && s.Hook(pattern, w, r) {
		return
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Calls = append(s.Calls, pattern)
	h(w, r)
}

// Problem answers with a problem document.
func Problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: &detail})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// AddFile puts a ready file into the catalogue.
func (s *Server) AddFile(name string, body []byte, partSize int) *api.File {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	version := "v1"
	now := time.Now()
	f := &api.File{
		Id: uuid.NewString(), Name: name, Size: int64(len(body)), PartSize: int64(partSize), Sha256: Sum(body), PartDigests: []string{},
		State: api.FileStateReady, Version: &version, CreatedAt: now, ReadyAt: &now,
	}
	for i := 0; i < len(body); i += partSize {
		f.PartDigests = append(f.PartDigests, Sum(body[i:min(i+partSize, len(body))]))
	}
	s.objects[f.Id] = body
	s.Files = append(s.Files, f)
	return f
}

// AddJob queues a job.
func (s *Server) AddJob(f *api.File, dest string) *api.Job {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.addJob(f, dest)
}

func (s *Server) addJob(f *api.File, dest string) *api.Job {
	now := time.Now()
	j := &api.Job{
		Id: uuid.NewString(), FileId: f.Id, Dest: dest, State: api.JobStateQueued, MaxAttempts: 5, RunAt: now, CreatedAt: now, UpdatedAt: now,
	}
	s.Jobs = append(s.Jobs, j)
	return j
}

// Object returns the bytes of a file.
func (s *Server) Object(id string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.objects[id]
}

// States counts jobs.
func (s *Server) States() map[api.JobState]int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	n := map[api.JobState]int{}
	for _, j := range s.Jobs {
		n[j.State]++
	}
	return n
}

// Sum is a SHA-256 in hex.
func Sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func (s *Server) file(id string) *api.File {
	i := slices.IndexFunc(s.Files, func(f *api.File) bool { return f.Id == id })
	if i < 0 {
		return nil
	}
	return s.Files[i]
}

func read[T any](w http.ResponseWriter, r *http.Request) (v T, ok bool) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		Problem(w, http.StatusBadRequest, err.Error())
		return v, false
	}
	return v, true
}

func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	body, ok := s.objects[r.PathValue("id")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"e"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(body)))
}

func (s *Server) putPart(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if s.ended[r.PathValue("upload")] {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>NoSuchUpload</Code></Error>")
		return
	}
	if err != nil || r.Header.Get("X-Test-Digest") != Sum(body) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "<Error><Code>BadDigest</Code></Error>")
		return
	}
	s.parts[r.PathValue("upload")+"/"+r.PathValue("number")] = body
}

func partKey(upload string, number int) string { return fmt.Sprintf("%s/%d", upload, number) }
