package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"scalable-backend/services/backend/config"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/contract"
	"scalable-backend/services/internal/servers"
)

const (
	// openLimit is how long a foreign backend may take to open its doors.
	openLimit = 30 * time.Second
	// endLimit is how long it may live after SIGTERM: the drain timeout that it is told, and a little more.
	endLimit = drainTimeout + 3*time.Second
)

// startForeign starts DEMO_BACKEND with our backend's environment, in the directory in which the demo was started, and waits until
// it serves both doors. It is told where to listen, because its log need not say where it does.
func (d *demo) startForeign(ctx context.Context, name string) (s *service, public, gateway string, err error) {
	env := d.backendEnv()
	for variable, address := range map[string]*string{"BACKEND_PUBLIC_ADDR": &public, "BACKEND_GATEWAY_ADDR": &gateway} {
		if *address, err = servers.FreeAddress(); err != nil {
			return nil, "", "", err
		}
		env[variable] = *address
	}
	s = &service{name: name, log: filepath.Join(d.dir, name+".log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, "", "", err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	cmd := exec.Command(d.settings.Backend[0], d.settings.Backend[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.dir, "HOME=" + d.dir}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = servers.StartProcess(cmd); err != nil {
		return nil, "", "", err
	}
	backend := contract.Backend{Public: public, Gateway: gateway, Ended: s.process.Done()}
	err = backend.Await(ctx, openLimit, func(missing error) { d.show.say("%s is not ready yet: %s", name, onOneLine(missing)) })
	if err == nil {
		err = backend.Guarded(ctx)
	}
	if err != nil && ctx.Err() == nil {
		err = s.failure("does not keep the contract of docs/bring-your-own.md:\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return s, public, gateway, err
}

func onOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// examine calls a foreign backend through balancer and gateway and says what of the API it serves. flows is true if files can flow
// through it: it leases jobs, and keeps them in our tables, in which the demo looks for what became of them.
func (d *demo) examine(ctx context.Context) (flows bool, err error) {
	d.show.say("both answer health checks at both doors, and let nobody in without a token or by %s", config.CallerHeader)
	users, _, err := d.tryCalls(ctx, d.publicURL, client.Bearer(d.adminToken), []call{
		{http.MethodGet, "/v1/whoami", ""}, {http.MethodGet, "/v1/stats", ""},
		{http.MethodGet, "/v1/files", ""}, {http.MethodGet, "/v1/jobs", ""},
	})
	if err != nil {
		return false, err
	}
	key := credentials.NewStaticCredentialsProvider(d.agentKey.AccessKeyID, d.agentKey.SecretAccessKey, d.agentKey.SessionToken)
	agents, leased, err := d.tryCalls(ctx, d.gatewayURL, client.NewSigV4(key, d.s3.Region), []call{
		{http.MethodGet, "/v1/whoami", ""},
		{http.MethodPost, "/v1/leases", `{"agent_id": "00000000-0000-4000-8000-000000000000", "max": 1, "wait_s": 0}`},
	})
	if err != nil {
		return false, err
	}
	d.show.say("through the balancer, with the admin token: %s", users)
	d.show.say("through the gateway, with a signature: %s", agents)
	ours := false
	if leased == http.StatusOK {
		err = d.query(ctx, `SELECT to_regclass('leases') IS NOT NULL`, nil, &ours)
	}
	return ours, err
}

type call struct{ method, path, body string }

// tryCalls makes calls and returns their answers in one line, and the last one's status.
func (d *demo) tryCalls(ctx context.Context, base string, auth client.Authenticator, calls []call) (line string, last int, err error) {
	var answers []string
	for _, c := range calls {
		r, err := http.NewRequestWithContext(ctx, c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			return "", 0, err
		}
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if err := auth.Authenticate(ctx, r, []byte(c.body)); err != nil {
			return "", 0, err
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", 0, err
		}
		_ = response.Body.Close()
		last = response.StatusCode
		answers = append(answers, fmt.Sprintf("%s %s %d", c.method, c.path, last))
	}
	return strings.Join(answers, ", "), last, nil
}

// endForeign stops foreign backends as their instances do, and returns an error if one does not end as it should.
func (d *demo) endForeign() error {
	took := make([]time.Duration, len(d.backends))
	var all sync.WaitGroup
	for i, s := range d.backends {
		all.Go(func() {
			began := time.Now()
			s.process.Stop(syscall.SIGTERM, endLimit)
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	var problems []error
	for i, s := range d.backends {
		if code := s.process.ExitCode(); code != 0 {
			problems = append(problems, fmt.Errorf("%s: want exit code 0 within %s of SIGTERM, got %d after %.1f s",
				s.name, endLimit, code, took[i].Seconds()))
		}
		text, err := os.ReadFile(s.log)
		if err != nil {
			return err
		}
		lines, other := contract.Lines(string(text))
		d.show.say("%s ended %.1f s after SIGTERM; its log has %s", s.name, took[i].Seconds(), count(lines, "line"))
		if other != "" {
			d.show.say("one of them is not JSON, so that no query of the log finds it: %.200s", other)
		}
	}
	return errors.Join(problems...)
}
