package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend/server"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/servers"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	token    = "an-admin-token-of-the-tests"
	patience = time.Minute
)

// The program is built and run as an owner would: it uploads, works as an agent, and its function decides which jobs succeed.
func TestTheProgramHandlesWhatItDownloads(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "handler")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	url := startBackend(t)
	dir := t.TempDir()
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = []string{
			"AGENT_API_URL=" + url, "AGENT_TOKEN=" + token, "AGENT_INSECURE_SOURCES=true", "AGENT_DATA_DIR=" + dir, "HOME=" + dir,
			"AGENT_HEALTH_FILE=" + filepath.Join(dir, "health"), "AGENT_STOP_TIMEOUT=10s",
		}
		return cmd
	}
	good, bad := filepath.Join(dir, "good.jsonl"), filepath.Join(dir, "bad.jsonl")
	require.NoError(t, os.WriteFile(good, []byte("{\"a\": 1}\n[2]\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("{\"a\": 1}\nnot JSON\n"), 0o600))
	out, err = run("upload", good, bad).CombinedOutput()
	require.NoError(t, err, "%s", out)

	var log strings.Builder
	agent := run("run")
	agent.Stdout, agent.Stderr = &log, &log
	process, err := servers.StartProcess(agent)
	require.NoError(t, err)
	defer process.Stop(syscall.SIGKILL, patience)
	done, dead := finish(t, url, "good.jsonl"), finish(t, url, "bad.jsonl")
	require.Equal(t, api.JobStateSucceeded, done.State)
	require.Equal(t, api.JobStateDead, dead.State)
	require.NotNil(t, dead.Problem)
	require.Equal(t, "handling the file: line 2 of bad.jsonl is not JSON", *dead.Problem.Detail)

	process.Stop(syscall.SIGTERM, patience)
	require.Zero(t, process.ExitCode(), log.String())
	require.Contains(t, log.String(), `"msg":"counted","file_id":"`+done.FileId+`","records":2`)
}

// finish submits a job for a file, and waits for its one attempt to end.
func finish(t *testing.T, url, name string) (job api.Job) {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Auth: client.Bearer(token)})
	require.NoError(t, err)
	defer c.Close()
	once := 1
	for file, err := range c.Files(t.Context(), client.FileFilter{}) {
		require.NoError(t, err)
		if file.Name == name {
			jobs, err := c.CreateJobs(t.Context(), []api.NewJob{{FileId: file.Id, MaxAttempts: &once}})
			require.NoError(t, err)
			job = jobs[0].Job
		}
	}
	require.NotEmpty(t, job.Id, "%s is in the catalogue", name)
	require.Eventually(t, func() bool {
		job, err = c.GetJob(t.Context(), job.Id)
		return err == nil && job.State != api.JobStateQueued && job.State != api.JobStateLeased
	}, patience, 50*time.Millisecond)
	return job
}

// startBackend runs a backend in this process until the test ends, and returns the address of its public door.
func startBackend(t *testing.T) string {
	t.Helper()
	s3 := testenv.Bucket(t)
	ctx, stop := context.WithCancel(context.Background())
	log, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := server.Run(ctx, nil, []string{
			"BACKEND_PUBLIC_ADDR=127.0.0.1:0", "BACKEND_GATEWAY_ADDR=127.0.0.1:0", "BACKEND_STACK=test", "BACKEND_ADMIN_TOKEN=" + token,
			"BACKEND_DATABASE_URL=" + testenv.Database(t), "BACKEND_DRAIN_TIMEOUT=1s",
			"BACKEND_S3_ENDPOINT=" + s3.Endpoint, "BACKEND_BUCKET=" + s3.Bucket, "AWS_REGION=" + s3.Region,
			"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey,
		}, to)
		_ = to.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Door, Addr string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" && line.Door == "public" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return "http://" + line.Addr
		}
	}
	require.NoError(t, lines.Err())
	require.Fail(t, "the backend ended before it listened")
	return ""
}
