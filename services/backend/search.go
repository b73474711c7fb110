package backend

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// JobSearch narrows a search for jobs; zero fields do not. All fields that are set hold for a job that is found.
type JobSearch struct {
	State  JobState
	FileID *uuid.UUID
	Dest   string // the exact destination
	Agent  string // id or name of an agent that had a lease of the job, or has one
	Text   string // a part of the destination or of the last problem's words, or the beginning of the id; case does not count
}

// FileSearch narrows a search for files; zero fields do not.
type FileSearch struct {
	State FileState
	Name  string // the exact name
	Text  string // a part of the name, or the beginning of the id or of the digest in hexadecimal; case does not count
}

// Found is one page of a search. No search reads more than a bounded number of rows, so a page may hold fewer items than were asked
// for, or none, although there are more behind it: while More is true, Next is where the search goes on.
type Found[T any] struct {
	Items   []T
	More    bool
	Next    Cursor
	Scanned int // rows that were held against conditions that no index has; 0 when an index had the answer
}

// FoundJob is a job as a list shows it. Agent is the one that works on it, or did last: "" when nobody did or it is forgotten.
type FoundJob struct {
	Job
	FileName string
	FileSize int64 // bytes
	Agent    string
	AgentID  uuid.UUID // zero when nobody had a lease
}

// FoundFile is a file as a list shows it. StoredBy are the agents, by name or id, that delivered it lately, the latest first.
type FoundFile struct {
	File
	StoredBy []string
}

// JobEvent is one entry of a job's history. Caller is who asked for it through the API or the console, "" for what agents and the
// backend did.
type JobEvent struct {
	At       time.Time
	Kind     string
	State    JobState // of the job, afterwards
	LeaseID  uuid.UUID
	Took     time.Duration // of an attempt, by its agent's word
	Problem  *JobProblem
	Caller   string
	CallerID string
}

// Work is one live lease as a list of agents shows it.
type Work struct {
	AgentID   uuid.UUID
	Caller    string
	LeaseID   uuid.UUID
	JobID     uuid.UUID
	Dest      string
	BytesDone int64
	Size      int64
	GrantedAt time.Time
}

// SearchStore answers what people ask for on pages.
type SearchStore interface {
	// SearchJobs and SearchFiles return at most page.Size items, newest first.
	SearchJobs(ctx context.Context, search JobSearch, page Page) (Found[FoundJob], error)
	SearchFiles(ctx context.Context, search FileSearch, page Page) (Found[FoundFile], error)
	// ListJobEvents returns the newest events of a job, the newest first.
	ListJobEvents(ctx context.Context, id uuid.UUID, limit int) ([]JobEvent, error)
	// SearchAgents returns the agents heard of last, with a part of their name or of the beginning of their id if text is not empty.
	SearchAgents(ctx context.Context, text string, limit int) ([]Agent, error)
	// ListWork returns the live leases of agents, the oldest first, at most limit for each agent.
	ListWork(ctx context.Context, agents []uuid.UUID, limit int) ([]Work, error)
}
