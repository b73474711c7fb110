package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// seenAgain divides the lease time: an agent that was seen less than LeaseTTL / seenAgain ago is not written to its row again.
const seenAgain = 6

// noteSeen writes down that agents are alive. Their rows are locked in the order of their keys, before any job.
const noteSeen = `
	INSERT INTO agents (id, caller, name, version)
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS c (id, caller, name, version)
	WHERE NOT EXISTS (
		SELECT FROM agents a WHERE a.id = c.id AND a.caller = c.caller AND a.name = c.name AND a.version = c.version
			AND a.last_seen > now() - $5::interval)
	ORDER BY id, caller
	ON CONFLICT (id, caller) DO UPDATE SET name = excluded.name, version = excluded.version, last_seen = excluded.last_seen`

// seen notes that agents are alive, each at most every LeaseTTL / seenAgain: waiters claim every second.
func (s *Store) seen(batch *pgx.Batch, claims []backend.Claim) {
	n := len(claims)
	ids, callers, names, versions := make([][16]byte, n), make([]string, n), make([]string, n), make([]string, n)
	for i, c := range claims {
		ids[i], callers[i], names[i], versions[i] = c.AgentID, c.Caller, c.Name, c.Version
	}
	batch.Queue(noteSeen, ids, callers, names, versions, s.LeaseTTL/seenAgain)
}

// redeliver renews the leases that the agent does not seem to know of, and returns them.
const redeliver = `
	WITH locked AS MATERIALIZED (
		SELECT j.id, l.lease_id FROM leases l JOIN jobs j ON j.id = l.job_id
		WHERE l.agent = $1 AND l.caller = $2 AND l.ended_at IS NULL AND l.renewed_at IS NULL
		ORDER BY j.id FOR UPDATE OF j LIMIT $3),
	l AS (
		UPDATE leases l SET leased_until = now() + $4::interval, delivered_at = now() FROM locked
		WHERE l.lease_id = locked.lease_id AND l.ended_at IS NULL AND l.renewed_at IS NULL
		RETURNING l.*)
	SELECT ` + leaseColumns + ` FROM l JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
	ORDER BY l.granted_at, j.id`

// unconfirmed is the condition that an agent has leases of which it may not know: they are to be delivered once more.
const unconfirmed = `EXISTS (
		SELECT FROM leases known WHERE known.agent = c.agent AND known.caller = c.caller
			AND known.ended_at IS NULL AND known.renewed_at IS NULL)`

// claimants are the claims of a statement, in the order in which they came: $1 to $3.
const claimants = `unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS c (agent, caller, wanted, n)`

// withUnconfirmed lists the claims of agents with unconfirmed leases.
const withUnconfirmed = `SELECT c.n FROM ` + claimants + ` WHERE c.wanted > 0 AND ` + unconfirmed

// maxDigests bounds the bytes of part digests in one answer to a claim, which carries them in hexadecimal: API Gateway takes
// answers of 10 MB. A file has 10,000 parts at most, so there is always room for one.
const maxDigests = 100_000 * 32

// granting returns the statement that leases due jobs to those claims for which the condition on c holds: the best jobs to the claim
// that came first, and to each as many as it wants and has room for their digests. Jobs that somebody else is just taking are passed
// over, and so is a job behind another one of the same destination: behind any that is leased, and behind any older one that is
// queued. So jobs of one destination are done in the order in which they were submitted, and the newest version is what is there in
// the end.
func granting(condition string) string {
	return `
	WITH asked AS MATERIALIZED (
		SELECT c.*, sum(wanted) OVER (ORDER BY n) AS until FROM ` + claimants + ` WHERE ` + condition + `),
	due AS MATERIALIZED (
		SELECT id, file_id, priority, run_at FROM jobs WHERE state = 'queued' AND run_at <= now()
			AND NOT EXISTS (
				SELECT FROM jobs other
				WHERE other.dest_hash = jobs.dest_hash AND other.state IN ('queued', 'leased') AND other.id <> jobs.id
					AND (other.state = 'leased' OR (other.created_at, other.id) < (jobs.created_at, jobs.id)))
		ORDER BY priority DESC, run_at, id FOR UPDATE SKIP LOCKED LIMIT (SELECT coalesce(max(until), 0) FROM asked)),
	dealt AS (
		SELECT due.*, asked.agent, asked.caller, asked.n
		FROM (SELECT *, row_number() OVER (ORDER BY priority DESC, run_at, id) AS at FROM due) due
		JOIN asked ON due.at > asked.until - asked.wanted AND due.at <= asked.until),
	fitting AS MATERIALIZED (
		SELECT id, agent, caller, n, gen_random_uuid() AS lease_id FROM (
			SELECT dealt.*, sum(octet_length(f.part_sha256)) OVER (PARTITION BY n ORDER BY priority DESC, run_at, dealt.id) AS digests
			FROM dealt JOIN files f ON f.id = dealt.file_id) sized
		WHERE digests <= $5),
	j AS (
		UPDATE jobs SET state = 'leased', grants = grants + 1, bytes_done = 0, updated_at = now() FROM fitting
		WHERE jobs.id = fitting.id RETURNING jobs.*, fitting.agent, fitting.caller, fitting.n, fitting.lease_id, jobs.grants AS "grant"),
	l AS (
		INSERT INTO leases (lease_id, job_id, "grant", agent, caller, leased_until)
		SELECT lease_id, id, "grant", agent, caller, now() + $4::interval FROM j),
	told AS (
		INSERT INTO job_events (job_id, kind, state, lease_id, detail)
		SELECT id, 'granted', 'leased', lease_id, jsonb_build_object('agent', agent, 'grant', "grant") FROM j)
	SELECT j.n, j.lease_id, j."grant", ` + jobColumns + `, ` + fileColumns + ` FROM j JOIN files f ON f.id = j.file_id
	ORDER BY j.n, j.priority DESC, j.run_at, j.id`
}

var (
	grant            = granting(`true`)
	grantUnconfirmed = granting(`NOT ` + unconfirmed)
)

// granted is a lease with the number of its claim, from 1.
type granted struct {
	backend.Lease
	claim int
}

func scanGranted(row pgx.Row, g *granted) (err error) {
	var f fileRow
	if err := row.Scan(append([]any{&g.claim}, leaseFields(&g.Lease, &f)...)...); err != nil {
		return err
	}
	g.File, err = f.file()
	return err
}

// ClaimJobs implements backend.JobStore.
func (s *Store) ClaimJobs(ctx context.Context, c backend.Claim) ([]backend.Lease, error) {
	return together(ctx, s, s.claims, c, func(ctx context.Context) ([]backend.Lease, error) { return s.claimAlone(ctx, c) })
}

// newClaims makes the group of claims. Claims of one agent do not go together: the second is to find the leases of the first.
func (s *Store) newClaims() *group[backend.Claim, []backend.Lease] {
	type agent struct {
		id     uuid.UUID
		caller string
	}
	return &group[backend.Claim, []backend.Lease]{
		name:   "claim together",
		run:    s.claimTogether,
		key:    func(c backend.Claim) any { return agent{c.AgentID, c.Caller} },
		weight: func(c backend.Claim) int { return c.Max },
	}
}

// claimTogether leases jobs to many claims. It leaves those out whose agents have unconfirmed leases: they may have to wait for locks.
func (s *Store) claimTogether(ctx context.Context, claims []backend.Claim) (answers []*[]backend.Lease, err error) {
	agents, callers, wanted := make([][16]byte, len(claims)), make([]string, len(claims)), make([]int, len(claims))
	for i, c := range claims {
		agents[i], callers[i], wanted[i] = c.AgentID, c.Caller, c.Max
	}
	err = s.do(ctx, func(q querier) error {
		answers = make([]*[]backend.Lease, len(claims))
		var batch pgx.Batch
		batch.Queue(steadyPlans)
		s.seen(&batch, claims)
		batch.Queue(withUnconfirmed, agents, callers, wanted)
		batch.Queue(grantUnconfirmed, agents, callers, wanted, s.LeaseTTL, maxDigests)
		results := q.SendBatch(ctx, &batch)
		defer results.Close()
		for range 2 {
			if _, err := results.Exec(); err != nil {
				return err
			}
		}
		var alone int
		left, err := results.Query()
		if err != nil {
			return err
		}
		for i := range answers {
			answers[i] = new([]backend.Lease)
		}
		if _, err := pgx.ForEachRow(left, []any{&alone}, func() error { answers[alone-1] = nil; return nil }); err != nil {
			return err
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		leases, err := collect(rows, scanGranted)
		if err != nil {
			return err
		}
		for _, l := range leases {
			if answers[l.claim-1] == nil { // its last unconfirmed lease ended between the two statements
				answers[l.claim-1] = new([]backend.Lease)
			}
			*answers[l.claim-1] = append(*answers[l.claim-1], l.Lease)
		}
		return results.Close()
	})
	return answers, err
}

// claimAlone delivers once more what the agent does not seem to know of, and then leases jobs.
func (s *Store) claimAlone(ctx context.Context, c backend.Claim) (leases []backend.Lease, err error) {
	err = s.do(ctx, func(q querier) error {
		var batch pgx.Batch
		s.seen(&batch, []backend.Claim{c})
		batch.Queue(redeliver, c.AgentID, c.Caller, c.Max, s.LeaseTTL)
		results := q.SendBatch(ctx, &batch)
		defer results.Close()
		if _, err := results.Exec(); err != nil {
			return err
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		if leases, err = collect(rows, scanLease); err != nil {
			return err
		}
		if err := results.Close(); err != nil || len(leases) >= c.Max {
			return err
		}
		room := maxDigests
		for _, l := range leases {
			room -= 32 * len(l.File.PartDigests)
		}
		// Should this fail, what was redelivered is so once more with the next claim.
		more, err := all(ctx, q, scanGranted, grant,
			[]uuid.UUID{c.AgentID}, []string{c.Caller}, []int{c.Max - len(leases)}, s.LeaseTTL, room)
		for _, g := range more {
			leases = append(leases, g.Lease)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return leases, nil
}
