package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"scalable-backend/services/internal/gateway"
	"scalable-backend/services/internal/servers"
)

// The queue's times, shorter than in production so that a killed agent's work is taken over while one watches.
const (
	leaseTTL      = 6 * time.Second
	sweepInterval = "1s"
	bucket        = "demo"
	stage         = "live"
	patience      = 15 * time.Second
	drainTimeout  = 4 * time.Second
)

// demo is everything that runs.
type demo struct {
	settings Settings
	bin      string // directory of the programs backend and agent
	dir      string // everything that is written lies below it
	show     *display

	postgres *servers.Postgres
	s3       *servers.S3
	backends []*service
	agents   []*service // that run
	started  int        // agents, since the beginning
	closers  []func()

	adminToken string
	publicURL  string
	gatewayURL string
	agentKey   gateway.Identity
}

// Run runs the demo with the programs in bin and returns nil only if every file arrived with the right digest. It removes
// all that it made, also when ctx ends.
func Run(ctx context.Context, bin string, environ []string, out io.Writer) (err error) {
	env := map[string]string{}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	settings, err := ParseSettings(env)
	if err != nil {
		return err
	}
	show := newDisplay(out)
	left, err := removeLeft(os.TempDir())
	for _, dir := range left {
		show.say("removed %s, which a demo has left that was killed", dir)
	}
	if err != nil {
		show.say("%v", err) // no reason not to begin
	}
	dir, lock, err := claimDir(os.TempDir())
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing was written to it
	d := &demo{settings: settings, bin: bin, dir: dir, show: show}
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	if err := d.run(ctx); err != nil {
		d.show.wait()
		if ctx.Err() != nil {
			return errors.New("interrupted; everything is cleaned up")
		}
		return err
	}
	return nil
}

func (d *demo) run(ctx context.Context) error {
	if err := d.checkSpace(); err != nil {
		return err
	}
	if err := d.startSystem(ctx); err != nil {
		return err
	}
	foreign, flows := len(d.settings.Backend) > 0, true
	if foreign {
		var err error
		if flows, err = d.examine(ctx); err != nil {
			return err
		}
	}
	if flows {
		if err := d.flow(ctx); err != nil {
			return err
		}
	}
	if d.settings.Keep {
		d.show.say("still running: %s/ (Ctrl-C stops and cleans up)", d.publicURL)
		d.show.say("the page takes this token; for the client, paste into another shell:")
		d.show.print(d.exports())
		<-ctx.Done()
	}
	if foreign {
		return d.endForeign()
	}
	return nil
}

// exports are the lines that make a shell's agent a client of this demo, which serves plain HTTP on loopback.
func (d *demo) exports() string {
	return "export AGENT_API_URL=" + d.publicURL + "\nexport AGENT_TOKEN=" + d.adminToken + "\nexport AGENT_INSECURE_SOURCES=true"
}

// checkSpace refuses to begin what the disk cannot hold: the files, their objects and the agents' copies.
func (d *demo) checkSpace() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.dir, &fs); err != nil {
		return err
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // Bsize is 32 bits wide on some architectures
	need := d.settings.Bytes*7/2 + 200<<20
	if free < need {
		return fmt.Errorf(
			"%s has %s free, and the demo needs %s: make it smaller with DEMO_BYTES, or set TMPDIR to a larger disk",
			d.dir,
			formatBytes(free),
			formatBytes(need),
		)
	}
	return nil
}

// startSystem starts servers, backends and doors, in this order. Agents come later.
func (d *demo) startSystem(ctx context.Context) error {
	// PostgreSQL may run as another user, who must reach its directory below this one.
	if err := os.Chmod(d.dir, 0o711); err != nil {
		return err
	}
	var err error
	if d.postgres, err = servers.StartPostgres(ctx, filepath.Join(d.dir, "postgres")); err != nil {
		return err
	}
	if err := d.postgres.CreateDatabase(ctx, "backend"); err != nil {
		return err
	}
	if d.s3, err = servers.StartS3(ctx, filepath.Join(d.dir, "s3")); err != nil {
		return err
	}
	if err := d.s3.CreateBucket(ctx, bucket); err != nil {
		return err
	}
	d.adminToken = "demo-" + rand.Text()
	d.agentKey = gateway.Identity{
		ARN: "arn:aws:sts::000000000000:assumed-role/demo-agents/agent", AccessKeyID: "ASIADEMOAGENTS", SecretAccessKey: rand.Text(),
		SessionToken: rand.Text(),
	}
	var public, private []string
	for i := range 2 {
		s, p, g, err := d.startBackend(ctx, fmt.Sprintf("backend-%d", i+1))
		if s != nil {
			d.backends = append(d.backends, s)
		}
		if err != nil {
			return err
		}
		public, private = append(public, p), append(private, g)
	}
	if d.publicURL, err = d.serve(gateway.NewBalancer(public...)); err != nil {
		return err
	}
	if d.gatewayURL, err = d.serveGateway(private); err != nil {
		return err
	}
	d.show.say("running: PostgreSQL, S3-compatible server, 2 backends behind %s, gateway at %s", d.publicURL, d.gatewayURL)
	return nil
}

// startBackend starts our backend, or the one that is in its place, and returns where its two doors are.
func (d *demo) startBackend(ctx context.Context, name string) (s *service, public, gateway string, err error) {
	if len(d.settings.Backend) > 0 {
		return d.startForeign(ctx, name)
	}
	s, err = startService(d.dir, name, filepath.Join(d.bin, "backend"), nil, d.backendEnv(), nil)
	if err == nil {
		public, gateway, err = s.addresses(ctx)
	}
	return s, public, gateway, err
}

// serveGateway runs the API that the Pulumi program plans, so that the demo's agents take the same road as on AWS.
func (d *demo) serveGateway(backends []string) (url string, err error) {
	document, err := gateway.Planned("dev")
	if err != nil {
		return "", err
	}
	handler, err := gateway.New(gateway.Config{
		Document: document, Stage: stage, Region: d.s3.Region, Link: gateway.NewBalancer(backends...),
		Identities: []gateway.Identity{d.agentKey},
	})
	if err != nil {
		return "", err
	}
	url, err = d.serve(handler)
	return url + "/" + stage, err
}

// serve opens a loopback port for a handler until the demo ends.
func (d *demo) serve(h http.Handler) (url string, err error) {
	l, err := servers.Listen("127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	d.closers = append(d.closers, func() { _ = server.Close() })
	return "http://" + l.Addr().String(), nil
}

func (d *demo) backendEnv() map[string]string {
	return map[string]string{
		"BACKEND_PUBLIC_ADDR":    "127.0.0.1:0",
		"BACKEND_GATEWAY_ADDR":   "127.0.0.1:0",
		"BACKEND_STACK":          "demo",
		"BACKEND_STAGE":          stage,
		"BACKEND_BUCKET":         bucket,
		"BACKEND_S3_ENDPOINT":    d.s3.Endpoint,
		"BACKEND_DATABASE_URL":   d.postgres.URL("backend"),
		"BACKEND_ADMIN_TOKEN":    d.adminToken,
		"BACKEND_LEASE_TTL":      leaseTTL.String(),
		"BACKEND_SWEEP_INTERVAL": sweepInterval,
		"BACKEND_DRAIN_TIMEOUT":  drainTimeout.String(), // nothing has to be deregistered here
		"AWS_REGION":             d.s3.Region,
		"AWS_ACCESS_KEY_ID":      d.s3.AccessKey,
		"AWS_SECRET_ACCESS_KEY":  d.s3.SecretKey,
	}
}

func agentName(i int) string { return fmt.Sprintf("agent-%d", i) }

// nextAgent starts one more agent.
func (d *demo) nextAgent() (*service, error) {
	d.started++
	name := agentName(d.started)
	dir := filepath.Join(d.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := startService(d.dir, name, filepath.Join(d.bin, "agent"), []string{"run"}, map[string]string{
		"AGENT_API_URL":          d.gatewayURL,
		"AGENT_AUTH":             "sigv4",
		"AGENT_DATA_DIR":         dir,
		"AGENT_NAME":             name,
		"AGENT_STACK":            "demo",
		"AGENT_SOURCE_HOSTS":     "127.0.0.1",
		"AGENT_INSECURE_SOURCES": "true", // the S3-compatible server speaks plain HTTP on loopback
		"AGENT_HEALTH_FILE":      filepath.Join(dir, "health"),
		"AWS_REGION":             d.s3.Region,
		"AWS_ACCESS_KEY_ID":      d.agentKey.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":  d.agentKey.SecretAccessKey,
		"AWS_SESSION_TOKEN":      d.agentKey.SessionToken,
	}, nil)
	if err == nil {
		d.agents = append(d.agents, s)
	}
	return s, err
}

// cleanUp ends what runs, agents before backends, and removes what was written.
func (d *demo) cleanUp() error {
	stopAll(d.agents)
	stopAll(d.backends)
	for _, c := range d.closers {
		c()
	}
	var errs []error
	if d.s3 != nil {
		errs = append(errs, d.s3.Remove())
	}
	if d.postgres != nil {
		errs = append(errs, d.postgres.Remove())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
