//go:build images

package imagetest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/build"
	"scalable-backend/services/internal/gateway"
	"scalable-backend/services/internal/testenv"
)

const adminToken = "an-admin-token-of-the-tests"

// TestRun runs both images as they are planned to run, against PostgreSQL behind TLS, an S3 server, and stand-ins for Secrets
// Manager and API Gateway, until a job is done; then SIGTERM ends both in order.
func TestRun(t *testing.T) {
	s3 := testenv.Bucket(t)
	backend := startBackend(t, s3)
	doors := map[string]string{}
	for _, line := range backend.await("listening", 2) {
		doors[line["door"].(string)] = line["addr"].(string)
	}
	version := requireVersion(t, backend, "/backend", "--version")
	require.Equal(t, version, backend.await("starting", 1)[0]["version"])
	require.Equal(t, version, healthOf(t, doors["public"])["version"])
	require.Equal(t, version, healthOf(t, doors["gateway"])["version"])

	agent, data := startAgent(t, s3, doors["gateway"], backendStage())
	started := agent.await("agent started", 1)[0]
	version = requireVersion(t, agent, "/agent", "--version")
	require.Equal(t, version, started["version"])
	require.Eventually(t, func() bool {
		_, err := agent.run(shared.plan.agent.HealthCheck.Command[1:]...)
		return err == nil
	}, patience, 200*time.Millisecond, "the planned health check")

	c, err := client.New(client.Options{URL: "http://" + doors["public"], Auth: client.Bearer(adminToken)})
	require.NoError(t, err)
	defer c.Close()
	body := make([]byte, 6<<20+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
	file := upload(t, c, body)
	dest := "some/file"
	jobs, err := c.CreateJobs(t.Context(), []api.NewJob{{FileId: file.Id, Dest: &dest}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		job, err := c.GetJob(t.Context(), jobs[0].Job.Id)
		return err == nil && job.State == api.JobStateSucceeded
	}, patience, 50*time.Millisecond, "the job is done")
	published, err := os.ReadFile(filepath.Join(data, "files", dest))
	require.NoError(t, err)
	require.Equal(t, hash(body), hash(published))
	require.Contains(t, page(t, doors["public"]), version, "the page lists the agent with its version")

	agent.signal("TERM")
	require.Zero(t, agent.ended())
	agent.await("agent stopped", 1)
	answer := waitForWork(t, c)
	backend.signal("TERM")
	require.NoError(t, <-answer, "a request that is under way is answered")
	require.Zero(t, backend.ended())
	backend.await("draining", 1)
	backend.await("stopped", 1)
}

// waitForWork makes a request that the backend keeps open, and returns once the backend has it.
func waitForWork(t *testing.T, c *client.API) <-chan error {
	t.Helper()
	before, err := c.Stats(t.Context())
	require.NoError(t, err)
	answer := make(chan error, 1)
	seconds := 20
	go func() {
		_, err := c.Lease(t.Context(), api.LeaseRequest{AgentId: uuid.NewString(), Max: 1, WaitS: &seconds})
		answer <- err
	}()
	require.Eventually(t, func() bool {
		now, err := c.Stats(t.Context())
		return err == nil && now.AgentsSeen > before.AgentsSeen
	}, patience, 50*time.Millisecond, "the backend hears of another agent")
	return answer
}

// startBackend runs the backend as user data does. What differs is where things are.
func startBackend(t *testing.T, s3 testenv.S3) *container {
	t.Helper()
	plan := shared.plan.backend
	environment := maps.Clone(plan.environment)
	maps.Copy(environment, map[string]string{
		"BACKEND_PUBLIC_ADDR": "127.0.0.1:0", "BACKEND_GATEWAY_ADDR": "127.0.0.1:0",
		"BACKEND_S3_ENDPOINT": s3.Endpoint, "BACKEND_BUCKET": s3.Bucket, "AWS_REGION": s3.Region,
		"AWS_ACCESS_KEY_ID": s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s3.SecretKey,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": secretsManager(t, map[string]any{
			plan.environment["BACKEND_ADMIN_TOKEN_SECRET_ARN"]: map[string]string{"token": adminToken},
			plan.environment["BACKEND_DATABASE_SECRET_ARN"]:    tlsDatabase(t),
		}),
	})
	return start(t, "backend", unpacked(t, built(t, "backend", runtime.GOARCH)), backendSpec(t, plan, []string{"/backend"}, environment))
}

// backendSpec is how docker would run a program by the planned flags.
func backendSpec(t *testing.T, plan plannedBackend, args []string, environment map[string]string) spec {
	t.Helper()
	// Without a limit of its own on an instance, a quarter of the smallest instance's memory is plenty for one job.
	s := spec{args: args, environment: environment, memory: 512 << 20}
	if len(plan.flags["--memory"]) > 0 {
		_, err := fmt.Sscanf(one(t, plan.flags, "--memory"), "%dm", &s.memory)
		require.NoError(t, err)
		s.memory <<= 20
	}
	_, err := fmt.Sscanf(one(t, plan.flags, "--user"), "%d:%d", &s.uid, &s.gid)
	require.NoError(t, err)
	_, s.readOnly = plan.flags["--read-only"]
	require.Equal(t, "ALL", one(t, plan.flags, "--cap-drop"))
	require.Equal(t, "no-new-privileges", one(t, plan.flags, "--security-opt"))
	s.pids, err = strconv.ParseInt(one(t, plan.flags, "--pids-limit"), 10, 64)
	require.NoError(t, err)
	_, err = fmt.Sscanf(one(t, plan.flags, "--ulimit"), "nofile=%d", &s.nofile)
	require.NoError(t, err)
	require.NotEmpty(t, plan.flags["--tmpfs"])
	for _, tmpfs := range plan.flags["--tmpfs"] {
		path, options, _ := strings.Cut(tmpfs, ":")
		s.mounts = append(s.mounts, mount(path, "tmpfs", "tmpfs", append(strings.Split(options, ","), "mode=1777")...))
	}
	return s
}

func one(t *testing.T, flags map[string][]string, name string) string {
	t.Helper()
	require.Len(t, flags[name], 1, "%s of the planned docker run", name)
	return flags[name][0]
}

func backendStage() string { return shared.plan.backend.environment["BACKEND_STAGE"] }

// startAgent runs the agent as its task does, and returns the directory behind /data.
func startAgent(t *testing.T, s3 testenv.S3, door, stage string) (*container, string) {
	t.Helper()
	key := gateway.Identity{
		ARN: "arn:aws:sts::000000000000:assumed-role/agents/agent", AccessKeyID: "AKIAIMAGETESTS", SecretAccessKey: "the-secret-key-of-the-agent",
	}
	document, err := gateway.Planned("dev")
	require.NoError(t, err)
	handler, err := gateway.New(gateway.Config{
		Document: document, Stage: stage, Region: s3.Region, Identities: []gateway.Identity{key}, Link: gateway.NewBalancer(door),
	})
	require.NoError(t, err)
	front := httptest.NewServer(handler)
	t.Cleanup(front.Close)
	plan := shared.plan.agent
	environment := maps.Clone(plan.environment)
	maps.Copy(environment, map[string]string{
		"AGENT_API_URL": front.URL + "/" + stage, "AGENT_INSECURE_SOURCES": "true", "AWS_REGION": s3.Region,
		"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey, "HOME": "/data",
	})
	delete(environment, "AGENT_SOURCE_HOSTS") // loopback is let in by AGENT_INSECURE_SOURCES
	s := spec{
		args: append(plan.EntryPoint, plan.Command...), environment: environment, readOnly: plan.ReadonlyRootFilesystem, memory: plan.memory,
	}
	_, err = fmt.Sscanf(plan.User, "%d:%d", &s.uid, &s.gid)
	require.NoError(t, err)
	require.Empty(t, plan.LinuxParameters.Capabilities.Add)
	require.Equal(t, []string{"ALL"}, plan.LinuxParameters.Capabilities.Drop)
	require.Len(t, plan.Ulimits, 1)
	s.nofile = plan.Ulimits[0].HardLimit
	root := unpacked(t, built(t, "agent", runtime.GOARCH))
	dirs := map[string]string{}
	for _, point := range plan.MountPoints {
		dir, m := volume(t, root, point.ContainerPath)
		dirs[point.ContainerPath], s.mounts = dir, append(s.mounts, m)
	}
	require.Len(t, dirs, 2)
	return start(t, "agent", root, s), dirs["/data"]
}

// requireVersion asks a program in its container, and checks that it knows release and sources.
func requireVersion(t *testing.T, c *container, command ...string) string {
	t.Helper()
	out, err := c.run(command...)
	require.NoError(t, err, out)
	words := strings.Fields(out)
	require.NotEmpty(t, words)
	version := words[len(words)-1]
	require.Regexp(t, `^`+build.Release+`\+[0-9a-f]{12}$`, version)
	return version
}

func healthOf(t *testing.T, door string) (answer map[string]any) {
	t.Helper()
	resp, err := http.Get("http://" + door + "/healthz")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

func page(t *testing.T, door string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+door+"/", nil)
	require.NoError(t, err)
	q.AddCookie(&http.Cookie{Name: "backend-token", Value: adminToken})
	resp, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return html.UnescapeString(string(text))
}
