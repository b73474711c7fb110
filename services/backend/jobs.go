package backend

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// JobState is where a job stands. The active states, queued and leased, admit one job per file and destination.
type JobState string

// queued → leased → succeeded | dead | cancelled, or back to queued; dead and cancelled → queued by hand.
const (
	JobQueued    JobState = "queued"
	JobLeased    JobState = "leased"
	JobSucceeded JobState = "succeeded"
	JobDead      JobState = "dead"
	JobCancelled JobState = "cancelled"
)

// NewJob is a download to be done. Dest is relative to the agent's root; empty means the file's name.
type NewJob struct {
	FileID      uuid.UUID
	Dest        string
	Priority    int // higher goes first
	MaxAttempts int // failures before the job is dead
}

// JobProblem says why an attempt failed, in words that a person reads.
type JobProblem struct {
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

// Job is a submitted download.
type Job struct {
	ID uuid.UUID
	NewJob
	State           JobState
	Grants          int // leases granted so far; never decreases
	Failures        int // failed and expired leases since the job was last queued by hand
	RunAt           time.Time
	BytesDone       int64
	CancelRequested bool
	Problem         *JobProblem
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// SubmittedJob is a job of a submission; Existing marks an active twin that was there before.
type SubmittedJob struct {
	Job      Job
	Existing bool
}

// JobFilter narrows a list of jobs; zero fields do not.
type JobFilter struct {
	State  JobState
	FileID *uuid.UUID // a pointer, because an id of zeros names no file and is still a filter
}

// Lease is the right to work on a job until it ends. ID is new for each grant and fences every write.
type Lease struct {
	ID      uuid.UUID
	Attempt int // the job's Grants, this one included
	Job     Job
	File    File
}

// Attempt is a lease as the history of its job tells of it. End is "" while it goes on.
type Attempt struct {
	Number    int // the job's Grants, this one included
	LeaseID   uuid.UUID
	AgentID   uuid.UUID
	AgentName string // "" once the agent is forgotten
	GrantedAt time.Time
	EndedAt   time.Time
	End       string // succeeded, failed, released, expired or cancelled
	Problem   *JobProblem
}

// Claim asks for leases. Caller is the identity to which the leases are bound.
type Claim struct {
	AgentID       uuid.UUID
	Caller        string
	Name, Version string // labels for people
	Max           int    // leases wanted; ignored by Heartbeat
}

// Progress is an agent's word on one lease.
type Progress struct {
	LeaseID   uuid.UUID
	BytesDone int64
}

// LeaseStatus answers one Progress.
type LeaseStatus string

// ok: renewed · lost: not this agent's any more · cancel: stop and release. (drain is added by the server, not by the store.)
const (
	LeaseOK     LeaseStatus = "ok"
	LeaseLost   LeaseStatus = "lost"
	LeaseCancel LeaseStatus = "cancel"
	LeaseDrain  LeaseStatus = "drain"
)

// OutcomeStatus is how a lease ended, by its agent's word.
type OutcomeStatus string

// The three outcomes. released does not count as a failure.
const (
	Succeeded OutcomeStatus = "succeeded"
	Failed    OutcomeStatus = "failed"
	Released  OutcomeStatus = "released"
)

// Outcome is an agent's report. SHA256 and Bytes are required with Succeeded.
type Outcome struct {
	Status   OutcomeStatus
	SHA256   *[32]byte
	Bytes    *int64
	Duration time.Duration
	Problem  *JobProblem
}

// JobStore keeps the queue. Time is the database's clock alone.
type JobStore interface {
	// SubmitJobs stores all jobs or none. Unprocessable, with a FieldError per job, when a file is unknown or not ready.
	SubmitJobs(ctx context.Context, jobs []NewJob) ([]SubmittedJob, error)
	GetJob(ctx context.Context, id uuid.UUID) (Job, error)
	ListJobs(ctx context.Context, filter JobFilter, page Page) ([]Job, error)
	// ListAttempts returns the newest attempts at a job, the newest first. NotFound when the job is unknown.
	ListAttempts(ctx context.Context, id uuid.UUID, limit int) ([]Attempt, error)
	// CancelJob cancels a queued job at once and asks for it of a leased one. Conflict once succeeded or dead.
	CancelJob(ctx context.Context, id uuid.UUID) (Job, error)
	// RetryJob queues a dead or cancelled job again. Conflict in any other state, and when a newer job of its destination is queued
	// or leased, or has succeeded: the newer version is to stay.
	RetryJob(ctx context.Context, id uuid.UUID) (Job, error)

	// ClaimJobs leases up to c.Max due jobs, best first, without waiting. Leases granted to the same agent and caller that
	// were never renewed come first, renewed and with the same id: their answer was lost.
	ClaimJobs(ctx context.Context, c Claim) ([]Lease, error)
	// NextDue returns how long it is until the earliest queued job is due, zero if it is due already; false without one.
	NextDue(ctx context.Context) (time.Duration, bool, error)
	// Heartbeat renews the listed leases of an agent, answering in their order, and requeues its leases that are older than
	// ten seconds and not listed. A lease whose job is to be cancelled is not renewed: its agent has the rest of it to stop.
	Heartbeat(ctx context.Context, c Claim, progress []Progress) ([]LeaseStatus, error)
	// GetLease returns a live lease of the caller: NotFound when unknown or another caller's, Gone when it has ended.
	GetLease(ctx context.Context, id uuid.UUID, caller string) (Lease, error)
	// FinishLease records an outcome: see the API's putOutcome.
	FinishLease(ctx context.Context, id uuid.UUID, caller string, o Outcome) (Job, error)
	// Abandon requeues leases whose answer never reached its agent, without a failure. Those that were renewed, or delivered
	// once more by a later claim, are left alone.
	Abandon(ctx context.Context, ids []uuid.UUID) error

	// Sweep ends expired leases if this process gets the sweeper's lock; held is false if another one has it.
	Sweep(ctx context.Context) (result SweepResult, held bool, err error)
	// Retain removes one batch of what has been kept for long enough: ended jobs with their leases and events, and deleted files
	// that no job tells of. Call it again while the result says More.
	Retain(ctx context.Context, r Retention) (Removed, error)
	Stats(ctx context.Context) (Stats, error)
	ListAgents(ctx context.Context, limit int) ([]Agent, error)
}

// SweepResult counts what a sweep did.
type SweepResult struct {
	Expired int // leases ended by expiry
	Dead    int // jobs that died since the last sweep, of expiry or of reported failures
}

// Retention says how long what has ended is kept. Zero keeps it for ever.
type Retention struct {
	Ended time.Duration // succeeded and cancelled jobs, and deleted files
	Dead  time.Duration // dead jobs, which somebody may want to look at, or retry
}

// Removed counts what one batch of retention removed. More says that there may be more of it.
type Removed struct {
	Jobs, Leases, Events, Files int
	More                        bool
}

// Stats is the system in numbers. Succeeded, Dead, Cancelled and BytesDelivered count what retention has removed, too.
type Stats struct {
	Queued, Leased, Succeeded, Dead, Cancelled int64
	OldestQueued                               time.Duration // since the oldest due job was due
	AgentsSeen                                 int64         // heard of within two lease times
	FilesReady, FilesPending                   int64
	BytesStored, BytesDelivered                int64
}

// Agent is an agent as the backend saw it last.
type Agent struct {
	ID            uuid.UUID
	Name, Version string
	Caller        string
	LastSeen      time.Time
	Leases        int
	BytesDone     int64 // of its present leases
}
