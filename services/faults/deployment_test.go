package faults

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/api"
	"scalable-backend/services/internal/gateway"
)

// The programs of the former release, built from its source: go test ./faults -run TestDeploymentOfBothServices -args -former=DIR
var former = flag.String("former", "", "a directory with the backend and the agent that TestDeploymentOfBothServices replaces")

// release is the path of a program as it was before the deployment: of the former release, or the same as afterwards.
func release(t *testing.T, name string) string {
	t.Helper()
	if *former == "" {
		return binary(t, name)
	}
	return filepath.Join(*former, name)
}

// deployment is two backends behind a load balancer that notes what it answered.
type deployment struct {
	*system
	balancer *gateway.Balancer
	backends [2]*program
	addrs    [2]string

	mu     sync.Mutex
	served int
	failed []string
}

func (d *deployment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	noted, began := &notedStatus{ResponseWriter: w, status: http.StatusOK}, time.Now()
	d.balancer.ServeHTTP(noted, r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.served++
	if noted.status >= 500 && r.Context().Err() == nil && !slowDatabase(noted.body, time.Since(began)) {
		d.failed = append(d.failed, fmt.Sprintf("%s %s: %d", r.Method, r.URL.Path, noted.status))
	}
}

type notedStatus struct {
	http.ResponseWriter
	status int
	body   []byte // of an error
}

func (n *notedStatus) Write(p []byte) (int, error) {
	if n.status >= 500 {
		n.body = append(n.body, p...)
	}
	return n.ResponseWriter.Write(p)
}

func (n *notedStatus) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// start starts a backend in a place.
func (d *deployment) start(place int, program string) {
	d.t.Helper()
	env := maps.Clone(d.env)
	env["BACKEND_DRAIN_TIMEOUT"] = "20s"
	d.backends[place] = launch(d.t, fmt.Sprintf("backend %d", place+1), exec.Command(program), env)
	d.addrs[place] = strings.TrimPrefix(doors(d.backends[place])["public"], "http://")
}

// replace does what an instance refresh does: the new backend serves, the old one gets no new requests and is told to stop.
func (d *deployment) replace(place int) {
	d.t.Helper()
	old := d.backends[place]
	d.start(place, binary(d.t, "backend"))
	d.balancer.Set(d.addrs[:]...)
	time.Sleep(time.Second) // requests that were just sent to the old one arrive; a deregistration on AWS takes longer
	old.signal(syscall.SIGTERM)
	require.Zero(d.t, old.ended())
	require.Empty(d.t, old.said("requests were cut"))
}

// A deployment replaces both backends, one after the other, and then the agents, while agents hold leases, uploads are under way
// and other requests come in: none is answered with an error, no lease is lost, every upload and every job is done.
func TestDeploymentOfBothServices(t *testing.T) {
	t.Parallel()
	d := &deployment{system: newSystem(t), balancer: gateway.NewBalancer()}
	lane := d.proxyS3()
	for place := range d.backends {
		d.start(place, release(t, "backend"))
	}
	d.balancer.Set(d.addrs[:]...)
	front := httptest.NewServer(d)
	t.Cleanup(front.Close)
	d.url = front.URL
	small, big := d.upload(10_000), d.upload(3*part+12345)
	d.slow(lane, 64) // so that nothing ends before both backends are replaced
	require.NoError(t, lane.Add(t.Context(), "bandwidth", "upstream", map[string]any{"rate": 64}))

	dirs := []string{t.TempDir(), t.TempDir()}
	var agents []*program
	var jobs []api.Job
	for i, dir := range dirs {
		agents = append(agents, d.agentOf(release(t, "agent"), dir))
		jobs = append(jobs, d.submit(big, fmt.Sprintf("big-%d", i)))
	}
	uploads := d.beginUploads(2)
	for _, j := range jobs {
		d.moving(j.Id)
	}
	stop := make(chan struct{})
	var load errgroup.Group
	var submitted []api.Job
	load.Go(func() (err error) {
		submitted, err = d.work(small, stop)
		return err
	})
	d.replace(0)
	d.replace(1)
	for _, j := range jobs {
		require.Equal(t, []string{""}, d.ends(j.Id), "its lease goes on")
	}
	for i, a := range agents {
		a.signal(syscall.SIGTERM)
		require.Zero(t, a.ended())
		d.agentOf(binary(t, "agent"), dirs[i])
	}
	require.NoError(t, lane.Remove(t.Context(), "bandwidth", "upstream"))
	d.fast(lane)
	for _, u := range uploads {
		require.Zero(t, u.ended())
	}
	close(stop)
	require.NoError(t, load.Wait())
	require.NotEmpty(t, submitted)
	d.allSucceeded(len(jobs) + len(submitted))
	d.mu.Lock() // agents still poll
	defer d.mu.Unlock()
	require.Empty(t, d.failed, "of %d requests", d.served)
	t.Logf("%d requests, %d jobs", d.served, len(jobs)+len(submitted))
}

// allSucceeded waits until so many jobs have succeeded, each once, and none of their leases was lost on the way.
func (s *system) allSucceeded(jobs int) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.database)
	require.NoError(s.t, err)
	defer conn.Close(context.Background())
	count := func(sql string) (n int) {
		require.NoError(s.t, conn.QueryRow(s.t.Context(), sql).Scan(&n))
		return n
	}
	require.Eventually(s.t, func() bool { return count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == jobs }, patience,
		50*time.Millisecond)
	require.Equal(s.t, jobs, count(`SELECT count(*) FROM jobs WHERE failures = 0`))
	require.Equal(s.t, jobs, count(`SELECT count(*) FROM leases WHERE "end" = 'succeeded'`))
	require.Zero(s.t, count(`SELECT count(*) FROM leases WHERE "end" NOT IN ('succeeded', 'released')`))
}

func (s *system) agentOf(program, dir string) *program {
	s.t.Helper()
	p := launch(s.t, "agent", exec.Command(program, "run"), s.agentEnv(dir))
	p.await("agent started", 1)
	return p
}

// beginUploads starts the command-line client and waits until it is in the middle of the transfer.
func (s *system) beginUploads(n int) (uploads []*program) {
	s.t.Helper()
	for i := range n {
		env := s.agentEnv(s.t.TempDir())
		env["XDG_CACHE_HOME"] = s.t.TempDir()
		name := fmt.Sprintf("upload-%d", i)
		args := []string{"upload", "--name", name, writeFile(s.t, 3*part)}
		uploads = append(uploads, launch(s.t, name, exec.Command(release(s.t, "agent"), args...), env))
		require.Eventually(s.t, func() bool {
			cached, _ := filepath.Glob(filepath.Join(env["XDG_CACHE_HOME"], "scalable-backend/uploads/*"))
			return len(cached) == 1
		}, patience, 20*time.Millisecond)
	}
	return uploads
}

// work submits jobs and reads, one request after the other.
func (s *system) work(o object, stop <-chan struct{}) (jobs []api.Job, err error) {
	c := s.client()
	for {
		select {
		case <-stop:
			return jobs, nil
		default:
		}
		dest := fmt.Sprintf("small-%d", len(jobs))
		made, err := c.CreateJobs(s.t.Context(), []api.NewJob{{FileId: o.Id, Dest: &dest}})
		if err != nil {
			return nil, err
		}
		if _, err := c.GetJob(s.t.Context(), made[0].Job.Id); err != nil {
			return nil, err
		}
		jobs = append(jobs, made[0].Job)
		select {
		case <-stop:
		case <-time.After(200 * time.Millisecond):
		}
	}
}
