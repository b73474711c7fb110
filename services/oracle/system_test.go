package oracle

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/gateway"
	"scalable-backend/services/internal/servers"
)

const (
	leaseTTL = 3 * time.Second
	slots    = 4
	patience = 90 * time.Second // for a process to start or to end, on a busy machine
)

// system is everything that runs.
type system struct {
	t    *testing.T
	seed uint64
	dir  string
	bin  string

	postgres *servers.Postgres
	s3       *servers.S3
	backends [2]*backendSlot
	slots    [slots]*agentSlot

	adminToken string
	userToken  string
	publicURL  string
	agentKey   gateway.Identity
	client     *http.Client

	files   []file
	later   []file // that were uploaded in the middle of the trouble; of the goroutine that uploads, until it has ended
	deleted []file
	jobs    []job // of the goroutine that orders, until it has ended

	counts struct{ kills, pauses, cuts, terms, backends, databases, clients atomic.Int64 }
}

// backendSlot is a backend's place behind the balancer: its addresses outlive its process.
type backendSlot struct {
	name            string
	public, private string
	process         *servers.Process
}

// agentSlot is a machine on which an agent runs, and its line to the gateway.
type agentSlot struct {
	name    string // of the agent; also that of its directory
	life    int    // how many machines have been in this place
	url     string
	line    *line
	process *servers.Process
	names   []string // all names that were in this place
}

func (s *system) rng(stream uint64) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(s.seed, stream))
}

func startSystem(t *testing.T, seed uint64) *system {
	t.Helper()
	dir, err := os.MkdirTemp("", "oracle-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs, database and files are kept in %s", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL may run as another user
	s := &system{
		t:          t,
		seed:       seed,
		dir:        dir,
		bin:        filepath.Join(dir, "bin"),
		adminToken: "oracle-" + rand.Text(),
		client:     &http.Client{Timeout: patience},
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", s.bin+"/", "../cmd/backend", "../cmd/agent").CombinedOutput()
	require.NoError(t, err, "%s", out)
	s.agentKey = gateway.Identity{
		ARN: "arn:aws:sts::000000000000:assumed-role/agents/oracle", AccessKeyID: "AKIAORACLEAGENTS", SecretAccessKey: rand.Text(),
	}

	s.postgres, err = servers.StartPostgres(t.Context(), filepath.Join(dir, "postgres"))
	require.NoError(t, err)
	t.Cleanup(s.postgres.Stop)
	require.NoError(t, s.postgres.CreateDatabase(t.Context(), "backend"))
	s.s3, err = servers.StartS3(t.Context(), filepath.Join(dir, "s3"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.s3.Remove()) })
	require.NoError(t, s.s3.CreateBucket(t.Context(), "oracle"))
	s.startDoors()
	return s
}

// startDoors starts the backends, the balancers before them, and a line to the gateway for each agent.
func (s *system) startDoors() {
	var public, private []string
	for i := range s.backends {
		b := &backendSlot{name: fmt.Sprintf("backend-%d", i+1)}
		for _, address := range []*string{&b.public, &b.private} { // it comes back at the same ones
			var err error
			*address, err = servers.FreeAddress()
			require.NoError(s.t, err)
		}
		s.backends[i] = b
		require.NoError(s.t, s.startBackend(s.t.Context(), b))
		s.t.Cleanup(func() { b.process.Stop(syscall.SIGKILL, patience) })
		public, private = append(public, b.public), append(private, b.private)
	}
	s.publicURL = s.serve(gateway.NewBalancer(public...))
	document, err := gateway.Planned("dev")
	require.NoError(s.t, err)
	door, err := gateway.New(gateway.Config{
		Document: document, Stage: "live", Region: s.s3.Region,
		Identities: []gateway.Identity{s.agentKey}, Link: gateway.NewBalancer(private...),
	})
	require.NoError(s.t, err)
	for i := range s.slots {
		a := &agentSlot{line: &line{next: door}}
		a.url = s.serve(a.line) + "/live"
		s.slots[i] = a
		s.newMachine(i)
		require.NoError(s.t, s.startAgent(a))
		s.t.Cleanup(func() { a.process.Stop(syscall.SIGKILL, patience) })
	}
}

// newMachine gives an agent's place a new name and an empty disk.
func (s *system) newMachine(i int) {
	a := s.slots[i]
	a.life++
	a.name = fmt.Sprintf("agent-%d-%d", i+1, a.life)
	a.names = append(a.names, a.name)
}

func (s *system) serve(h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// launch starts a program with exactly the given environment. Its log goes on where it was.
func (s *system) launch(name, program string, args []string, env map[string]string) (*servers.Process, error) {
	log, err := os.OpenFile(s.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.dir, "HOME=" + s.dir, "AWS_REGION=" + s.s3.Region}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = log, log
	return servers.StartProcess(cmd)
}

func (s *system) log(name string) string { return filepath.Join(s.dir, name+".log") }

// startBackend starts a backend at its place and waits until its doors are open, which wants a database.
func (s *system) startBackend(ctx context.Context, b *backendSlot) error {
	before, _ := os.ReadFile(s.log(b.name))
	process, err := s.launch(b.name, "backend", nil, map[string]string{
		"BACKEND_PUBLIC_ADDR": b.public, "BACKEND_GATEWAY_ADDR": b.private, "BACKEND_STACK": "oracle", "BACKEND_STAGE": "live",
		"BACKEND_BUCKET": "oracle", "BACKEND_S3_ENDPOINT": s.s3.Endpoint, "BACKEND_DATABASE_URL": s.postgres.URL("backend"),
		"BACKEND_ADMIN_TOKEN": s.adminToken, "BACKEND_LEASE_TTL": leaseTTL.String(), "BACKEND_SWEEP_INTERVAL": "500ms",
		"BACKEND_BUCKET_SWEEP_INTERVAL": "1s",
		"BACKEND_DRAIN_TIMEOUT":         "2s", "BACKEND_RATE_LIMIT": "1000",
		"AWS_ACCESS_KEY_ID": s.s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s.s3.SecretKey,
	})
	if err != nil {
		return err
	}
	b.process = process
	limit := time.After(2 * patience)
	for {
		doors := s.doors(b.name, len(before))
		if doors["public"] != "" && doors["gateway"] != "" {
			b.public, b.private = doors["public"], doors["gateway"]
			return nil
		}
		select {
		case <-process.Done():
			return fmt.Errorf("%s ended early, see %s", b.name, s.log(b.name))
		case <-limit:
			return fmt.Errorf("%s did not open its doors, see %s", b.name, s.log(b.name))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// doors reads from a log, from an offset on, where a backend listens.
func (s *system) doors(name string, offset int) map[string]string {
	doors := map[string]string{}
	f, err := os.Open(s.log(name))
	if err != nil {
		return doors
	}
	defer func() { _ = f.Close() }()
	_, _ = f.Seek(int64(offset), 0)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var entry struct{ Msg, Door, Addr string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			doors[entry.Door] = entry.Addr
		}
	}
	return doors
}

func (s *system) startAgent(a *agentSlot) (err error) {
	dir := filepath.Join(s.dir, a.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	a.process, err = s.launch(a.name, "agent", []string{"run"}, map[string]string{
		"AGENT_API_URL": a.url, "AGENT_AUTH": "sigv4", "AGENT_DATA_DIR": dir, "AGENT_NAME": a.name, "AGENT_STACK": "oracle",
		"AGENT_SOURCE_HOSTS": "127.0.0.1", "AGENT_INSECURE_SOURCES": "true", "AGENT_HEALTH_FILE": filepath.Join(dir, "health"),
		"AGENT_STOP_TIMEOUT": "10s", "AWS_ACCESS_KEY_ID": s.agentKey.AccessKeyID, "AWS_SECRET_ACCESS_KEY": s.agentKey.SecretAccessKey,
	})
	return err
}

// stopAgents ends the agents as a deployment would.
func (s *system) stopAgents() {
	for _, a := range s.slots {
		a.process.Stop(syscall.SIGTERM, patience)
	}
}
