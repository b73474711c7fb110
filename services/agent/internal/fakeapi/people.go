package fakeapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
)

// What only people call.

func (s *Server) deleteFile(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.file(id) == nil {
		Problem(w, http.StatusNotFound, "no such file")
		return
	}
	active := func(j *api.Job) bool {
		return j.FileId == id && (j.State == api.JobStateQueued || j.State == api.JobStateLeased)
	}
	if slices.ContainsFunc(s.Jobs, active) {
		Problem(w, http.StatusConflict, "a job of the file is queued or leased")
		return
	}
	s.Files = slices.DeleteFunc(s.Files, func(f *api.File) bool { return f.Id == id })
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) job(w http.ResponseWriter, r *http.Request) *api.Job {
	i := slices.IndexFunc(s.Jobs, func(j *api.Job) bool { return j.Id == r.PathValue("id") })
	if i < 0 {
		Problem(w, http.StatusNotFound, "no such job")
		return nil
	}
	return s.Jobs[i]
}

func (s *Server) getJob(w http.ResponseWriter, r *http.Request) {
	if j := s.job(w, r); j != nil {
		answer(w, http.StatusOK, j)
	}
}

func (s *Server) listAttempts(w http.ResponseWriter, r *http.Request) {
	if j := s.job(w, r); j != nil {
		answer(w, http.StatusOK, api.AttemptList{Attempts: append([]api.Attempt{}, s.Attempts[j.Id]...)})
	}
}

func (s *Server) listAgents(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, api.AgentList{Agents: append([]api.Agent{}, s.Agents...)})
}

func (s *Server) cancelJob(w http.ResponseWriter, r *http.Request) {
	j := s.job(w, r)
	switch {
	case j == nil:
		return
	case j.State == api.JobStateQueued:
		j.State = api.JobStateCancelled
	case j.State == api.JobStateLeased:
		j.CancelRequested = true
	case j.State != api.JobStateCancelled:
		Problem(w, http.StatusConflict, "the job is "+string(j.State))
		return
	}
	answer(w, http.StatusOK, j)
}

func (s *Server) retryJob(w http.ResponseWriter, r *http.Request) {
	j := s.job(w, r)
	switch {
	case j == nil:
		return
	case j.State != api.JobStateDead && j.State != api.JobStateCancelled:
		Problem(w, http.StatusConflict, "the job is "+string(j.State))
		return
	}
	j.State, j.Failures = api.JobStateQueued, 0
	answer(w, http.StatusOK, j)
}

func (s *Server) stats(w http.ResponseWriter, _ *http.Request) {
	var all api.Stats
	for _, j := range s.Jobs {
		if j.State == api.JobStateQueued {
			all.Queued++
		}
	}
	for _, f := range s.Files {
		all.FilesReady++
		all.BytesStored += f.Size
	}
	answer(w, http.StatusOK, all)
}

func (s *Server) whoami(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, api.Caller{Id: "token:test", Door: "public", Scopes: []api.Scope{"admin"}})
}

func (s *Server) createToken(w http.ResponseWriter, r *http.Request) {
	n, ok := read[api.NewToken](w, r)
	if !ok {
		return
	}
	t := &api.Token{Id: uuid.NewString(), Name: n.Name, Scopes: n.Scopes, CreatedAt: time.Now(), ExpiresAt: n.ExpiresAt}
	s.tokens = append(s.tokens, t)
	answer(w, http.StatusCreated, api.CreatedToken{Token: "secret-of-" + n.Name, Info: *t})
}

func (s *Server) listTokens(w http.ResponseWriter, r *http.Request) {
	all := make([]api.Token, 0, len(s.tokens))
	for _, t := range slices.Backward(s.tokens) {
		all = append(all, *t)
	}
	page, next := paged(all, r.URL.Query().Get("page_token"))
	answer(w, http.StatusOK, api.TokenPage{Tokens: page, NextPageToken: next})
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(s.tokens, func(t *api.Token) bool { return t.Id == r.PathValue("id") })
	if i < 0 {
		Problem(w, http.StatusNotFound, "no such token")
		return
	}
	now := time.Now()
	s.tokens[i].RevokedAt = &now
	w.WriteHeader(http.StatusNoContent)
}
