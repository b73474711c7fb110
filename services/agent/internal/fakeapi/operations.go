package fakeapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
)

func (s *Server) createFile(w http.ResponseWriter, r *http.Request) {
	n, ok := read[api.NewFile](w, r)
	if !ok {
		return
	}
	if r.Header.Get("Idempotency-Key") == "" {
		Problem(w, http.StatusBadRequest, "the tests want an Idempotency-Key")
		return
	}
	f := &api.File{
		Id: uuid.NewString(), Name: n.Name, Size: n.Size, Sha256: n.Sha256, PartSize: n.PartSize, PartDigests: n.PartDigests,
		State: api.FileStatePending, CreatedAt: time.Now(),
	}
	s.Files = append(s.Files, f)
	answer(w, http.StatusCreated, f)
}

// listFiles pages by two, so that every client has to follow pages.
func (s *Server) listFiles(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var all []api.File
	for i := len(s.Files) - 1; i >= 0; i-- {
		f := *s.Files[i]
		f.PartDigests = []string{}
		if (q.Get("state") == "" || q.Get("state") == string(f.State)) && (q.Get("name") == "" || q.Get("name") == f.Name) {
			if q.Get("content_urls") == "true" {
				f.ContentUrl, f.UrlExpiresAt = new(s.URL+"/bucket/"+f.Id), new(time.Now().Add(s.URLTTL))
			}
			all = append(all, f)
		}
	}
	page, next := paged(all, q.Get("page_token"))
	answer(w, http.StatusOK, api.FilePage{Files: page, NextPageToken: next})
}

func (s *Server) listJobs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var all []api.Job
	for i := len(s.Jobs) - 1; i >= 0; i-- {
		j := *s.Jobs[i]
		if (q.Get("state") == "" || q.Get("state") == string(j.State)) && (q.Get("file_id") == "" || q.Get("file_id") == j.FileId) {
			all = append(all, j)
		}
	}
	page, next := paged(all, q.Get("page_token"))
	answer(w, http.StatusOK, api.JobPage{Jobs: page, NextPageToken: next})
}

func paged[T any](all []T, token string) ([]T, *string) {
	from, _ := strconv.Atoi(token)
	to := min(from+2, len(all))
	if to == len(all) {
		return append([]T{}, all[from:]...), nil
	}
	next := strconv.Itoa(to)
	return all[from:to], &next
}

func (s *Server) getFile(w http.ResponseWriter, r *http.Request) {
	if f := s.file(r.PathValue("id")); f != nil {
		answer(w, http.StatusOK, f)
		return
	}
	Problem(w, http.StatusNotFound, "no such file")
}

func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", s.URL+"/bucket/"+r.PathValue("id"))
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (s *Server) createUpload(w http.ResponseWriter, r *http.Request) {
	f := s.file(r.PathValue("id"))
	if f == nil {
		Problem(w, http.StatusNotFound, "no such file")
		return
	}
	if f.State == api.FileStateReady {
		Problem(w, http.StatusConflict, "the file is ready: its bytes have been uploaded")
		return
	}
	u := api.Upload{Id: uuid.NewString(), FileId: f.Id, PartCount: len(f.PartDigests), CreatedAt: time.Now()}
	s.uploads[u.Id] = f.Id
	answer(w, http.StatusCreated, u)
}

func (s *Server) listParts(w http.ResponseWriter, r *http.Request) {
	upload := r.PathValue("upload")
	f := s.file(s.uploads[upload])
	if f == nil || f.Id != r.PathValue("id") {
		Problem(w, http.StatusNotFound, "no such upload")
		return
	}
	if s.ended[upload] {
		Problem(w, http.StatusConflict, endedDetail)
		return
	}
	var all []api.UploadPart
	for i, d := range f.PartDigests {
		offset := int64(i) * f.PartSize
		p := api.UploadPart{Number: i + 1, Offset: offset, Size: min(f.PartSize, f.Size-offset), Sha256: d}
		if _, p.Uploaded = s.parts[partKey(upload, p.Number)]; !p.Uploaded {
			url := s.URL + "/bucket/" + partKey(upload, p.Number)
			p.Url, p.Headers = &url, &map[string]string{"X-Test-Digest": d}
		}
		all = append(all, p)
	}
	page, next := paged(all, r.URL.Query().Get("page_token"))
	answer(w, http.StatusOK, api.UploadPartPage{Parts: page, NextPageToken: next, UrlExpiresAt: time.Now().Add(time.Minute)})
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	f := s.file(r.PathValue("id"))
	upload := r.PathValue("upload")
	built, isBuilt := s.built[upload]
	switch {
	case f == nil || s.uploads[upload] != f.Id:
		Problem(w, http.StatusNotFound, "no such upload")
		return
	case f.State == api.FileStateReady:
		answer(w, http.StatusOK, f)
		return
	case isBuilt:
		s.ready(f, built)
		answer(w, http.StatusOK, f)
		return
	case s.ended[upload]:
		Problem(w, http.StatusConflict, endedDetail)
		return
	}
	var body []byte
	for i := range f.PartDigests {
		part, ok := s.parts[partKey(r.PathValue("upload"), i+1)]
		if !ok {
			Problem(w, http.StatusConflict, "a part is missing")
			return
		}
		body = append(body, part...)
	}
	s.ready(f, body)
	answer(w, http.StatusOK, f)
}

const endedDetail = "the object store has ended this upload; begin another"

func (s *Server) ready(f *api.File, body []byte) {
	version, now := "v1", time.Now()
	f.State, f.Version, f.ReadyAt = api.FileStateReady, &version, &now
	s.objects[f.Id] = body
}

// EndUploads aborts all uploads in the bucket, as its lifecycle rule does.
func (s *Server) EndUploads() {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for id := range s.uploads {
		s.ended[id] = true
	}
	clear(s.parts)
}

// BuildObjects completes all uploads in the bucket, and not in the catalogue: a completion that was interrupted.
func (s *Server) BuildObjects() {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for id, fileID := range s.uploads {
		var body []byte
		for i := range s.file(fileID).PartDigests {
			body = append(body, s.parts[partKey(id, i+1)]...)
		}
		s.built[id], s.ended[id] = body, true
	}
}

// MakeReady completes a file by an upload of somebody else.
func (s *Server) MakeReady(f *api.File, body []byte) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.ready(f, body)
	for id, fileID := range s.uploads {
		s.ended[id] = s.ended[id] || fileID == f.Id
	}
}

// RemoveFile removes a file from the catalogue.
func (s *Server) RemoveFile(id string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Files = slices.DeleteFunc(s.Files, func(f *api.File) bool { return f.Id == id })
}

func (s *Server) createJobs(w http.ResponseWriter, r *http.Request) {
	n, ok := read[api.NewJobs](w, r)
	if !ok {
		return
	}
	var out api.SubmittedJobs
next:
	for _, j := range n.Jobs {
		f := s.file(j.FileId)
		if f == nil {
			Problem(w, http.StatusUnprocessableEntity, "no such file")
			return
		}
		dest := f.Name
		if j.Dest != nil {
			dest = *j.Dest
		}
		for _, there := range s.Jobs {
			if there.FileId == f.Id && there.Dest == dest && there.State == api.JobStateQueued {
				out.Jobs = append(out.Jobs, api.SubmittedJob{Job: *there, Existing: true})
				continue next
			}
		}
		out.Jobs = append(out.Jobs, api.SubmittedJob{Job: *s.addJob(f, dest)})
	}
	answer(w, http.StatusCreated, out)
}

func (s *Server) lease(w http.ResponseWriter, r *http.Request) {
	q, ok := read[api.LeaseRequest](w, r)
	if !ok {
		return
	}
	s.Requests = append(s.Requests, q)
	list := api.LeaseList{Leases: []api.Lease{}}
	for end := time.Now().Add(time.Duration(*q.WaitS) * time.Second); ; {
		s.expire()
		for _, l := range s.leases { // what the agent does not seem to know of
			if l.agent == q.AgentId && !l.renewed && l.outcome == nil && len(list.Leases) < q.Max {
				l.renew()
				list.Leases = append(list.Leases, l.Lease)
			}
		}
		for _, j := range s.Jobs {
			if j.State == api.JobStateQueued && len(list.Leases) < q.Max {
				list.Leases = append(list.Leases, s.grant(j, q.AgentId))
			}
		}
		if len(list.Leases) > 0 || time.Now().After(end) || r.Context().Err() != nil {
			break
		}
		s.Mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		s.Mu.Lock()
	}
	answer(w, http.StatusOK, list)
}

func (s *Server) grant(j *api.Job, agent string) api.Lease {
	j.State = api.JobStateLeased
	j.Grants++
	id := uuid.NewString()
	l := api.Lease{
		LeaseId: id, Attempt: j.Grants, Job: *j, File: *s.file(j.FileId), SourceUrl: s.URL + "/bucket/" + j.FileId,
		UrlExpiresAt: time.Now().Add(time.Minute), TtlMs: s.TTL.Milliseconds(), HeartbeatMs: s.TTL.Milliseconds() / 3,
	}
	s.leases[id] = &lease{Lease: l, agent: agent, job: j, until: time.Now().Add(s.TTL)}
	return l
}

// renew lets a lease last as long as it did when it was granted, whatever TTL is now.
func (l *lease) renew() { l.until = time.Now().Add(time.Duration(l.TtlMs) * time.Millisecond) }

// expire is the sweeper.
func (s *Server) expire() {
	for _, l := range s.leases {
		if l.outcome == nil && l.job.State == api.JobStateLeased && time.Now().After(l.until) {
			l.outcome = &api.Outcome{}
			l.job.Failures++
			l.job.State = api.JobStateQueued
		}
	}
}

func (s *Server) source(w http.ResponseWriter, r *http.Request) {
	l := s.leases[r.PathValue("id")]
	answer(w, http.StatusOK, api.Source{SourceUrl: s.URL + "/bucket/" + l.job.FileId, UrlExpiresAt: time.Now().Add(time.Minute)})
}

func (s *Server) heartbeat(w http.ResponseWriter, r *http.Request) {
	h, ok := read[api.Heartbeat](w, r)
	if !ok {
		return
	}
	s.Beats = append(s.Beats, h)
	list := []map[string]any{}
	for _, p := range h.Leases {
		status := api.LeaseStatusOk
		if want, ok := s.Status[p.LeaseId]; ok {
			status = want
		}
		l := s.leases[p.LeaseId]
		switch {
		case l == nil || l.outcome != nil:
			status = api.LeaseStatusLost
		case status == api.LeaseStatusOk || status == api.LeaseStatusDrain:
			l.renew()
			l.renewed = true
			l.job.BytesDone = p.BytesDone
		}
		list = append(list, map[string]any{"lease_id": p.LeaseId, "status": status})
	}
	answer(w, http.StatusOK, map[string]any{"leases": list})
}

func (s *Server) outcome(w http.ResponseWriter, r *http.Request) {
	o, ok := read[api.Outcome](w, r)
	if !ok {
		return
	}
	id := r.PathValue("id")
	s.Outcomes[id] = append(s.Outcomes[id], o)
	l := s.leases[id]
	switch {
	case l == nil:
		Problem(w, http.StatusNotFound, "no such lease")
		return
	case l.outcome != nil && l.outcome.Status == o.Status:
		answer(w, http.StatusOK, l.job)
		return
	case l.outcome != nil && l.outcome.Status == "":
		Problem(w, http.StatusGone, "the lease has expired")
		return
	case l.outcome != nil:
		Problem(w, http.StatusConflict, "another outcome was reported")
		return
	}
	f := s.file(l.job.FileId)
	switch o.Status {
	case api.OutcomeStatusSucceeded:
		if o.Sha256 == nil || *o.Sha256 != f.Sha256 || o.Bytes == nil || *o.Bytes != f.Size {
			Problem(w, http.StatusUnprocessableEntity, "not the catalogue's digest")
			return
		}
		l.job.State = api.JobStateSucceeded
	case api.OutcomeStatusReleased:
		l.job.State = api.JobStateQueued
		if s.Status[id] == api.LeaseStatusCancel {
			l.job.State = api.JobStateCancelled
		}
	case api.OutcomeStatusFailed:
		l.job.State, l.job.Problem = api.JobStateDead, o.Problem // one attempt is enough here
	}
	l.outcome = &o
	answer(w, http.StatusOK, l.job)
}
