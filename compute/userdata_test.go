package compute

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	backend "scalable-backend/services/backend/config"
)

const (
	testImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scalable-backend/test/backend@sha256:" +
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	testDatabaseSecret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"
	testTokenSecret    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf"
)

func testBoot() Boot {
	return Boot{
		Settings: Settings{
			Stack: "dev", Stage: "live", Region: "eu-central-1", Bucket: "data-1234567",
			DatabaseSecretARN: testDatabaseSecret, AdminTokenSecretARN: testTokenSecret, MetricsNamespace: "ScalableBackend",
			Program: DefaultProgram(),
		},
		Image:    testImage,
		LogGroup: "compute-logs-1234567",
	}
}

func TestUserData(t *testing.T) {
	script, err := UserData(testBoot())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(script, "#!/bin/bash\n"))
	for what, line := range map[string]string{
		"docker with retries":      "\nretry dnf install --assumeyes --quiet docker awscli-2\n",
		"metrics agent, retried":   "\nif retry dnf install --assumeyes --quiet amazon-cloudwatch-agent; then\n",
		"host network":             "\n  --network host \\\n",
		"read-only root":           "\n  --read-only \\\n",
		"no capabilities":          "\n  --cap-drop ALL \\\n",
		"no new privileges":        "\n  --security-opt no-new-privileges \\\n",
		"user of the image":        "\n  --user 65532:65532 \\\n",
		"log driver":               "\n  --log-driver awslogs \\\n",
		"log group":                "\n  --log-opt awslogs-group=compute-logs-1234567 \\\n",
		"logs do not block":        "\n  --log-opt mode=non-blocking \\\n",
		"image by digest, last":    " \\\n  " + testImage + "\nExecStop=",
		"login before each start":  "\nExecStartPre=/usr/local/sbin/backend-pull\n",
		"login to its registry":    "--password-stdin '123456789012.dkr.ecr.eu-central-1.amazonaws.com'\n",
		"longer than the drain":    "\n  --stop-timeout 90 \\\n",
		"longer than the stop":     "\nTimeoutStopSec=105\n",
		"stopped by docker":        "\nExecStop=/usr/bin/docker stop --time 90 backend\n",
		"started without waiting":  "\nsystemctl start --no-block backend.service\n",
		"boot output is collected": `"file_path": "/var/log/cloud-init-output.log"`,
		"metrics namespace":        `"namespace": "ScalableBackend"`,
	} {
		require.Contains(t, script, line, what)
	}
	// `pulumi new` replaces these names in braces in every file of the new project.
	for _, name := range []string{"PROJECT", "DESCRIPTION"} {
		require.NotContains(t, script, "${"+name+"}")
	}
	require.LessOrEqual(t, len(script), 8*1024, "half of EC2's limit")
}

// Objects are kept by never comparing the bucket with the catalogue; otherwise the backend's own interval holds.
func TestUserDataKeepsObjects(t *testing.T) {
	for keep, want := range map[bool]string{true: "0", false: ""} {
		boot := testBoot()
		boot.KeepObjects = keep
		script, err := UserData(boot)
		require.NoError(t, err)
		environment, err := ReadEnvironment(script)
		require.NoError(t, err)
		require.Equal(t, want, environment["BACKEND_BUCKET_SWEEP_INTERVAL"])
	}
}

func TestUserDataIsShell(t *testing.T) {
	script, err := UserData(testBoot())
	require.NoError(t, err)
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(script)
	output, err := check.CombinedOutput()
	require.NoError(t, err, string(output))
}

// The script that reports the age of the release, with what it calls replaced.
func TestReleaseAge(t *testing.T) {
	script, err := UserData(testBoot())
	require.NoError(t, err)
	require.Contains(t, script, "\nsystemctl enable --now release-age.timer\n")
	_, rest, found := strings.Cut(script, "cat > /usr/local/sbin/release-age <<'END'\n")
	require.True(t, found)
	body, _, found := strings.Cut(rest, "\nEND\n")
	require.True(t, found)

	published := time.Now().UTC().AddDate(0, 0, -61)
	bin := t.TempDir()
	for name, text := range map[string]string{
		"rpm": "echo -n 2023.9." + published.Format("20060102"),
		"aws": `printf '%s\n' "$@"`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+text+"\n"), 0o700))
	}
	run := exec.Command("bash", "-c", body)
	run.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	output, err := run.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, []string{
		"cloudwatch", "put-metric-data", "--region", "eu-central-1", "--namespace", "ScalableBackend", "--metric-name", HostReleaseAge,
		"--dimensions", "stack=dev", "--value", "61",
	}, strings.Fields(string(output)))
}

func TestUserDataIsTheSameEveryTime(t *testing.T) {
	first, err := UserData(testBoot())
	require.NoError(t, err)
	for range 20 {
		again, err := UserData(testBoot())
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestReadEnvironmentReturnsWhatUserDataWrites(t *testing.T) {
	script, err := UserData(testBoot())
	require.NoError(t, err)
	got, err := ReadEnvironment(script)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"AWS_REGION":                     "eu-central-1",
		"BACKEND_PUBLIC_ADDR":            ":8080",
		"BACKEND_GATEWAY_ADDR":           ":8081",
		"BACKEND_STACK":                  "dev",
		"BACKEND_STAGE":                  "live",
		"BACKEND_BUCKET":                 "data-1234567",
		"BACKEND_DATABASE_SECRET_ARN":    testDatabaseSecret,
		"BACKEND_ADMIN_TOKEN_SECRET_ARN": testTokenSecret,
		"BACKEND_METRICS_NAMESPACE":      "ScalableBackend",
		"BACKEND_DRAIN_TIMEOUT":          "1m15s",
	}, got)
	require.Equal(t, Environment(testBoot().Settings), got)
}

func TestReadEnvironmentRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"#!/bin/bash\n": "writes no environment file",
		"cat > /etc/backend/environment <<'END'\nA=b\n":          "has no end",
		"cat > /etc/backend/environment <<'END'\nA\nEND\nmore\n": "want KEY=value",
	} {
		_, err := ReadEnvironment(text)
		require.ErrorContains(t, err, want)
	}
}

func TestUserDataRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Boot)
		want  string
	}{
		"a tag":             {func(b *Boot) { b.Image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/backend:latest" }, "image"},
		"no registry":       {func(b *Boot) { b.Image = "backend@sha256:" + strings.Repeat("0", 64) }, "image"},
		"a short digest":    {func(b *Boot) { b.Image = "host/backend@sha256:0123" }, "image"},
		"no image":          {func(b *Boot) { b.Image = "" }, "image"},
		"a line in a value": {func(b *Boot) { b.Bucket = "data\nBACKEND_ADMIN_TOKEN=x" }, "BACKEND_BUCKET"},
		"an empty secret":   {func(b *Boot) { b.DatabaseSecretARN = "" }, "BACKEND_DATABASE_SECRET_ARN"},
		"a command":         {func(b *Boot) { b.LogGroup = "logs; reboot" }, "log group"},
		"a quote":           {func(b *Boot) { b.Stack = "dev'" }, "BACKEND_STACK"},
		"a systemd code":    {func(b *Boot) { b.Region = "eu%h" }, "AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			boot := testBoot()
			c.spoil(&boot)
			_, err := UserData(boot)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := UserData(Boot{})
	require.ErrorContains(t, err, "BACKEND_STACK")
	require.ErrorContains(t, err, "log group") // one error names all problems
}

func TestStopTimeoutOrder(t *testing.T) {
	p := DefaultProgram()
	require.Equal(t, []int{60, 75, 90}, []int{p.deregistrationSeconds(), p.drainSeconds(), p.StopSeconds})
	require.GreaterOrEqual(t, time.Duration(p.deregistrationSeconds())*time.Second, backend.WriteTimeout, "the longest request ends before")
	for _, seconds := range []int{MinStopSeconds, MaxStopSeconds} {
		p.StopSeconds = seconds
		// The backend must serve longer than deregistration takes: otherwise requests are cut off or sent to a closed port.
		require.Less(t, p.deregistrationSeconds(), p.drainSeconds())
		require.Less(t, p.drainSeconds(), p.StopSeconds)
		require.Positive(t, p.deregistrationSeconds())
		require.Less(t, p.deregistrationSeconds(), 120, "a Spot instance ends two minutes after its notice")
	}
}
