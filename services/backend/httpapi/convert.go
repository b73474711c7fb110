package httpapi

import (
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// id reads a UUID. The document's pattern was checked before; a text that is still not a UUID is answered like an unknown id.
func id(text string) (uuid.UUID, error) {
	u, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, backend.Errorf(backend.NotFound, "there is nothing with the id %s", text)
	}
	return u, nil
}

// digest reads a SHA-256 of which the document's pattern has been checked.
func digest(text string) (d [32]byte) {
	_, _ = hex.Decode(d[:], []byte(text))
	return d
}

// optional is nil for a zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func newFile(f api.NewFile) backend.NewFile {
	n := backend.NewFile{
		Name:        f.Name,
		Size:        f.Size,
		SHA256:      digest(f.Sha256),
		PartSize:    f.PartSize,
		PartDigests: make([][32]byte, len(f.PartDigests)),
	}
	for i, text := range f.PartDigests {
		n.PartDigests[i] = digest(text)
	}
	return n
}

func fileAnswer(f backend.File) api.File {
	digests := make([]api.Sha256, len(f.PartDigests))
	for i, d := range f.PartDigests {
		digests[i] = hex.EncodeToString(d[:])
	}
	return api.File{
		Id: f.ID.String(), Name: f.Name, Size: f.Size, Sha256: hex.EncodeToString(f.SHA256[:]), PartSize: f.PartSize, PartDigests: digests,
		State: api.FileState(f.State), Version: optionalText(f.Version), CreatedAt: f.CreatedAt, ReadyAt: optional(f.ReadyAt),
	}
}

func jobAnswer(j backend.Job) api.Job {
	return api.Job{
		Id: j.ID.String(), FileId: j.FileID.String(), Dest: j.Dest, State: api.JobState(j.State), Priority: j.Priority, Grants: j.Grants,
		Failures: j.Failures, MaxAttempts: j.MaxAttempts, RunAt: j.RunAt, BytesDone: j.BytesDone, CancelRequested: j.CancelRequested,
		Problem: problemAnswer(j.Problem), CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
}

func attemptAnswer(a backend.Attempt) api.Attempt {
	answer := api.Attempt{
		Attempt: a.Number, LeaseId: a.LeaseID.String(), AgentId: a.AgentID.String(), AgentName: optionalText(a.AgentName),
		GrantedAt: a.GrantedAt, EndedAt: optional(a.EndedAt), Problem: problemAnswer(a.Problem),
	}
	if a.End != "" {
		answer.End = new(api.AttemptEnd(a.End))
	}
	return answer
}

func agentAnswer(a backend.Agent) api.Agent {
	return api.Agent{
		Id: a.ID.String(), Name: optionalText(a.Name), Version: optionalText(a.Version), Caller: a.Caller, LastSeenAt: a.LastSeen,
		Leases: a.Leases, BytesDone: a.BytesDone,
	}
}

func problemAnswer(p *backend.JobProblem) *api.JobProblem {
	if p == nil {
		return nil
	}
	return &api.JobProblem{Title: p.Title, Detail: optionalText(p.Detail)}
}

func jobProblem(p *api.JobProblem) *backend.JobProblem {
	if p == nil {
		return nil
	}
	return &backend.JobProblem{Title: p.Title, Detail: value(p.Detail, "")}
}

func tokenAnswer(t backend.Token) api.Token {
	return api.Token{
		Id: t.ID.String(), Name: t.Name, Scopes: scopesAnswer(t.Scopes), CreatedAt: t.CreatedAt,
		ExpiresAt: optional(t.ExpiresAt), RevokedAt: optional(t.RevokedAt),
	}
}

func scopesAnswer(scopes []backend.Scope) []api.Scope {
	list := make([]api.Scope, len(scopes))
	for i, s := range scopes {
		list[i] = api.Scope(s)
	}
	return list
}

// each converts a list. An empty one becomes [] in JSON, not null.
func each[A, B any](items []A, convert func(A) B) []B {
	list := make([]B, len(items))
	for i, item := range items {
		list[i] = convert(item)
	}
	return list
}
