package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// outage is how long the database stays away.
	outage = time.Second
	// recovery is how long the demo waits for the system after a fault before it calls that a failure.
	recovery = 60 * time.Second
)

// faults is what the system went through during the download.
type faults struct {
	restart restart
	killed  victim
	paused  victim
}

// restart is the database's: how long it was away, and how much longer the API was.
type restart struct{ down, silent time.Duration }

// victim is an agent that something was done to, and the leases that it held then.
type victim struct {
	agent  *service
	leases []uuid.UUID
	at     time.Time
	asleep time.Duration // how long it was paused
	fenced int           // leases that it found lost when it was awake
}

// restartDatabase stops PostgreSQL in the middle of everything and starts it again. Backends and agents are not told.
func (d *demo) restartDatabase(ctx context.Context, token string) (r restart, err error) {
	began := time.Now()
	d.postgres.Stop()
	time.Sleep(outage)
	if err := d.postgres.Start(ctx); err != nil {
		return r, err
	}
	r.down = time.Since(began)
	back := time.Now()
	for {
		_, err := d.stats(ctx, token)
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Since(back) > recovery {
			return r, fmt.Errorf("after the restart of the database: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.silent = time.Since(back)
	d.show.say("restarted PostgreSQL under load: away for %.1f s, the API answered %.1f s later", r.down.Seconds(), r.silent.Seconds())
	return r, nil
}

// pauseOne stops an agent with SIGSTOP while it holds leases. It stays so until its leases have expired; see wake.
func (d *demo) pauseOne(ctx context.Context) (victim, error) {
	v, err := d.holder(ctx, d.agents)
	if err != nil {
		return v, err
	}
	d.show.say("paused %s with SIGSTOP while it held %s; it will sleep until they have expired", v.agent.name, count(len(v.leases), "lease"))
	return v, nil
}

// killOne kills an agent other than the paused one while it holds leases, and starts another in its place.
func (d *demo) killOne(ctx context.Context, paused *service) (victim, error) {
	awake := slices.DeleteFunc(slices.Clone(d.agents), func(s *service) bool { return s == paused })
	if len(awake) == 0 {
		s, err := d.nextAgent()
		if err != nil {
			return victim{}, err
		}
		awake = []*service{s}
	}
	v, err := d.holder(ctx, awake)
	if err != nil {
		return v, err
	}
	v.agent.process.Stop(syscall.SIGKILL, patience)
	d.agents = slices.DeleteFunc(d.agents, func(s *service) bool { return s == v.agent })
	d.show.say(
		"killed %s with SIGKILL while it held %s; its files are taken over when they expire",
		v.agent.name,
		count(len(v.leases), "lease"),
	)
	s, err := d.nextAgent()
	if err == nil {
		d.show.say("started %s in its place", s.name)
	}
	return v, err
}

// holder stops all of the agents at once, so that the queue cannot drain meanwhile, until one of them holds leases; that one,
// the one that holds most, stays stopped. Where there is no work left it takes any.
func (d *demo) holder(ctx context.Context, agents []*service) (victim, error) {
	conn, err := pgx.Connect(ctx, d.postgres.URL("backend"))
	if err != nil {
		return victim{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		if err := signalAll(agents, syscall.SIGSTOP); err != nil {
			return victim{}, err
		}
		time.Sleep(50 * time.Millisecond) // what the agents had sent before they were stopped arrives
		v := victim{agent: agents[0], at: time.Now()}
		for _, a := range agents {
			leases, err := liveLeases(ctx, conn, a.name)
			if err != nil {
				return victim{}, err
			}
			if len(leases) > len(v.leases) {
				v.agent, v.leases = a, leases
			}
		}
		active, err := activeJobs(ctx, conn)
		if err != nil {
			return victim{}, err
		}
		found := len(v.leases) > 0 || active == 0
		others := agents
		if found {
			others = slices.DeleteFunc(slices.Clone(agents), func(s *service) bool { return s == v.agent })
		}
		if err := signalAll(others, syscall.SIGCONT); err != nil || found {
			return v, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func signalAll(agents []*service, sig syscall.Signal) error {
	for _, a := range agents {
		if err := a.process.Signal(sig); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// wake lets the paused agent go on once it has slept longer than any lease and all of its leases have ended, and waits until it
// has found that out itself.
func (d *demo) wake(ctx context.Context, v *victim) error {
	if v.agent == nil || v.asleep > 0 || time.Since(v.at) < leaseTTL+time.Second {
		return nil
	}
	live, err := d.countLive(ctx, v.leases)
	if err != nil || live > 0 {
		return err
	}
	v.asleep = time.Since(v.at)
	if err := v.agent.process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	for began := time.Now(); ; {
		var open int
		if v.fenced, open, err = foundLost(v.agent.log, v.leases); err != nil {
			return err
		}
		if open == 0 {
			break
		}
		if time.Since(began) > recovery {
			return v.agent.failure(fmt.Sprintf("has not given up %d leases that it lost while it was paused", open))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	d.show.say(
		"woke %s after %.1f s: it found %d of %d leases lost and published nothing under them",
		v.agent.name,
		v.asleep.Seconds(),
		v.fenced,
		len(v.leases),
	)
	return nil
}

// foundLost reads in an agent's log how the leases ended for it: how many it found lost, and how many it still works on.
func foundLost(path string, leases []uuid.UUID) (lost, open int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close() //nolint:errcheck // nothing was written to it
	ends := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct {
			Msg     string `json:"msg"`
			LeaseID string `json:"lease_id"`
			Report  string `json:"report"`
		}
		switch {
		case json.Unmarshal(lines.Bytes(), &entry) != nil:
		case strings.HasPrefix(entry.Msg, "lease lost"):
			ends[entry.LeaseID] = "lost"
		case entry.Msg == "lease ended":
			ends[entry.LeaseID] = entry.Report
		}
	}
	for _, id := range leases {
		switch ends[id.String()] {
		case "":
			open++
		case "accepted":
		default:
			lost++
		}
	}
	return lost, open, lines.Err()
}
