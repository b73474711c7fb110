package psql

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

const outputs = `{"databaseSecretArn":"arn:aws:secretsmanager:us-east-1:111122223333:secret:database-a1","autoScalingGroupName":"group",
"databaseInstanceId":"backend-prod-1","loadBalancerArn":"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/x/1"}`

// The plugin of the tests writes down how it was called, listens on the port that it was told, and ends with SIGINT.
const fakePlugin = `test "$1" = --version && echo 1.2.707.0 && exit
printf '%s\n' "$@" > "$BIN/plugin.args"
printf '%s' "$AWS_SSM_START_SESSION_RESPONSE" > "$BIN/plugin.token"
trap 'echo ended > "$BIN/plugin.ended"; exit 0' INT
echo "Starting session with SessionId: s-1"
echo "Waiting for connections..."
while :; do sleep 0.05; done`

const fakePsql = `printf '%s\n' "$@" > "$BIN/psql.args"
env | grep '^PG' | sort > "$BIN/psql.env"
test -f "$PGSSLROOTCERT" && cat "$PGSSLROOTCERT" > "$BIN/psql.bundle"
test ! -f "$BIN/plugin.ended"
echo "is here"`

type answerer func(*http.Request) (*http.Response, error)

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newBench(t *testing.T) (*opstest.Bench, *opstest.AWS, string) {
	t.Helper()
	a := opstest.NewAWS(t)
	b := opstest.NewBench(t, a)
	dir := opstest.Project(t, "Pulumi.yaml", "name: scalable-backend\nruntime: go\n", "Pulumi.prod.yaml",
		"config:\n  aws:region: us-east-1\n  aws:profile: work\n", "outputs.json", outputs)
	a.On("GetSecretValue", opstest.Answer{Body: `{"SecretString":"{\"host\":\"db.example.internal\",\"port\":5432,\"dbname\":\"backend\",` +
		`\"username\":\"backend\",\"password\":\"pa-ss_~w0rd\"}"}`})
	a.On("DescribeAutoScalingGroups", opstest.Answer{Body: "<AutoScalingGroups><member><Instances>" +
		"<member><InstanceId>i-1</InstanceId><LifecycleState>Terminating</LifecycleState></member>" +
		"<member><InstanceId>i-2</InstanceId><LifecycleState>InService</LifecycleState></member>" +
		"<member><InstanceId>i-3</InstanceId><LifecycleState>InService</LifecycleState></member></Instances></member></AutoScalingGroups>"})
	a.On("StartSession", opstest.Answer{Code: "TargetNotConnected", Message: "i-2 is not connected."},
		opstest.Answer{Body: `{"SessionId":"ci-0123","TokenValue":"tok","StreamUrl":"wss://ssmmessages/x"}`})
	a.On("TerminateSession", opstest.Answer{Body: `{"SessionId":"ci-0123"}`})
	b.HTTP = answerer(func(r *http.Request) (*http.Response, error) {
		if r.URL.String() != "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem" {
			return nil, fmt.Errorf("%s", r.URL)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("-----BEGIN CERTIFICATE-----\nx\n"))}, nil
	})
	return b, a, dir
}

func psql(t *testing.T, b *opstest.Bench, dir string, args ...string) error {
	t.Helper()
	return run(t.Context(), b.Env, append([]string{"-C", dir, "-stack", "prod", "-outputs", filepath.Join(dir, "outputs.json")}, args...))
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

// No t.Parallel here: PATH belongs to the process.

func TestSession(t *testing.T) {
	b, a, dir := newBench(t)
	bin := b.Scripts(t, "session-manager-plugin", fakePlugin, "psql", fakePsql)
	require.NoError(t, psql(t, b, dir, "--", "-c", "select 'a b'"))

	require.Equal(t, "-c\nselect 'a b'\n", read(t, bin, "psql.args"))
	variables := read(t, bin, "psql.env")
	for _, want := range []string{"PGHOST=db.example.internal", "PGHOSTADDR=127.0.0.1", "PGUSER=backend", "PGDATABASE=backend",
		"PGSSLMODE=verify-full",
		"PGPASSWORD=pa-ss_~w0rd", "PGOPTIONS=-c default_transaction_read_only=on"} {
		require.Contains(t, variables, want+"\n")
	}
	require.Contains(t, read(t, bin, "psql.bundle"), "BEGIN CERTIFICATE")
	called := strings.Split(read(t, bin, "plugin.args"), "\n")
	require.Equal(t, []string{"AWS_SSM_START_SESSION_RESPONSE", "us-east-1", "StartSession", "work"}, called[:4])
	require.Contains(t, called[4], `"DocumentName":"AWS-StartPortForwardingSessionToRemoteHost"`)
	require.Contains(t, called[4], `"host":["db.example.internal"]`)
	require.Equal(t, "https://ssm.us-east-1.amazonaws.com", called[5])
	require.JSONEq(t, `{"SessionId":"ci-0123","TokenValue":"tok","StreamUrl":"wss://ssmmessages/x"}`, read(t, bin, "plugin.token"))
	require.NotContains(t, strings.Join(called, " ")+b.Out.String(), "pa-ss", "a password on a command line")
	require.NotContains(t, strings.Join(called, " "), "tok\"", "the token on a command line")

	sessions := a.Calls("StartSession")
	require.Len(t, sessions, 2)
	require.Contains(t, sessions[0].Body, `"Target":"i-2"`)
	require.Contains(t, sessions[1].Body, `"Target":"i-3"`, "the next instance, when one is not connected")
	require.Len(t, a.Calls("TerminateSession"), 1)
	require.Equal(t, "ended\n", read(t, bin, "plugin.ended"))
	_, err := os.Stat(strings.TrimPrefix(line(variables, "PGSSLROOTCERT="), "PGSSLROOTCERT="))
	require.ErrorIs(t, err, os.ErrNotExist, "the bundle is removed")
}

func line(text, prefix string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func TestFlags(t *testing.T) {
	b, a, dir := newBench(t)
	bin := b.Scripts(t, "session-manager-plugin", fakePlugin, "psql", fakePsql)
	a.On("DescribeDBInstances", opstest.Answer{Body: "<DBInstances><DBInstance><Endpoint>" +
		"<Address>new.example.internal</Address></Endpoint></DBInstance></DBInstances>"})
	require.NoError(t, psql(t, b, dir, "-write", "-previous", "-instance", "backend-prod-1-new", "-ca", filepath.Join(dir, "Pulumi.yaml"),
		"-port", "15432"))
	variables := read(t, bin, "psql.env")
	require.Contains(t, variables, "PGHOST=new.example.internal\n")
	require.Contains(t, variables, "PGPORT=15432\n")
	require.Contains(t, variables, "PGSSLROOTCERT="+filepath.Join(dir, "Pulumi.yaml")+"\n")
	require.NotContains(t, variables, "PGOPTIONS")
	require.Contains(t, a.Calls("GetSecretValue")[0].Body, `"VersionStage":"AWSPREVIOUS"`)
	require.Equal(t, "backend-prod-1-new", a.Calls("DescribeDBInstances")[0].Form.Get("DBInstanceIdentifier"))
}

func TestNoSession(t *testing.T) {
	for _, c := range []struct {
		name, want string
		scripts    []string
		change     func(*opstest.Bench, *opstest.AWS)
		args       []string
	}{
		{"no plugin", "AWS's Session Manager plugin is not installed: https://docs.aws.amazon.com/", []string{"psql", fakePsql}, nil, nil},
		{"old plugin", "is 1.2.497.0: want one after 1.2.497.0", []string{"session-manager-plugin", "echo 1.2.497.0"}, nil, nil},
		{"no psql", "psql is not installed", []string{"session-manager-plugin", fakePlugin, "psql", "exec /nonexistent"}, func(b *opstest.Bench,
			_ *opstest.AWS) {
			b.Attached = func(context.Context, command.Attached) error { return fmt.Errorf("psql %w", command.ErrMissing) }
		}, nil},
		{"bad password", "exit status 2 (\"password authentication failed\": a rotation is under way", []string{"session-manager-plugin",
			fakePlugin, "psql", "exit 2"}, nil, nil},
		{"bad statement", "psql: exit status 1", []string{"session-manager-plugin", fakePlugin, "psql", "exit 1"}, nil, nil},
		{"plugin ends", "session-manager-plugin ended: cannot connect", []string{"session-manager-plugin",
			"test \"$1\" = --version && echo 1.2.707.0 && exit; echo cannot connect"}, nil, nil},
		{"not connected", "TargetNotConnected", []string{"session-manager-plugin", fakePlugin}, func(_ *opstest.Bench, a *opstest.AWS) {
			a.On("StartSession", opstest.Answer{Code: "TargetNotConnected", Message: "not connected"})
		}, nil},
		{"no instance", "no instance of group is in service", []string{"session-manager-plugin", fakePlugin}, func(_ *opstest.Bench,
			a *opstest.AWS) {
			a.On("DescribeAutoScalingGroups", opstest.Answer{Body: "<AutoScalingGroups/>"})
		}, nil},
		{"denied", "docs/ops.md lists the permissions", []string{"session-manager-plugin", fakePlugin}, func(_ *opstest.Bench, a *opstest.AWS) {
			a.On("GetSecretValue", opstest.Answer{Code: "AccessDeniedException", Message: "no"})
		}, nil},
		{"odd secret", "want a JSON object with host", []string{"session-manager-plugin", fakePlugin}, func(_ *opstest.Bench, a *opstest.AWS) {
			a.On("GetSecretValue", opstest.Answer{Body: `{"SecretString":"pa-ss"}`})
		}, nil},
		{"no bundle", "503 Slow Down", []string{"session-manager-plugin", fakePlugin}, func(b *opstest.Bench, _ *opstest.AWS) {
			b.HTTP = answerer(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 503, Status: "503 Slow Down", Body: http.NoBody}, nil
			})
		}, nil},
		{"odd bundle", "the answer has no certificates", []string{"session-manager-plugin", fakePlugin}, func(b *opstest.Bench, _ *opstest.AWS) {
			b.HTTP = answerer(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("<html>sign in</html>"))}, nil
			})
		}, nil},
		{"no file", "-ca: stat", []string{"session-manager-plugin", fakePlugin}, nil, []string{"-ca", "/nonexistent.pem"}},
		{"no port", "-port 70000: want 0 to 65535", nil, nil, []string{"-port", "70000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a, dir := newBench(t)
			b.Scripts(t, c.scripts...)
			if c.change != nil {
				c.change(b, a)
			}
			err := psql(t, b, dir, c.args...)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "pa-ss")
			if started := len(a.Calls("StartSession")); started > 0 && c.name != "not connected" {
				require.Len(t, a.Calls("TerminateSession"), 1, "the session is ended")
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	b, a, dir := newBench(t)
	require.NoError(t, psql(t, b, dir, "-dry-run", "-instance", "backend-prod-1-new"))
	require.Empty(t, a.Calls())
	require.Empty(t, b.Ran)
	opstest.Golden(t, "dry-run.txt", b.Out.String())
}

func TestAfter(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"1.2.497.0": false, "1.2.498.0": true, "1.2.497.1": true, "1.3": true, "1.2": false,
		"": false, "x.y": false, "2.0.0.0": true} {
		require.Equal(t, want, after(version, withoutOne), version)
	}
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	port, err := freePort()
	require.NoError(t, err)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// Ctrl-C is psql's, which ends a query with it: neither the way to the database nor this program ends (heroku/heroku-pg#116,
// geldata/gel-cli#39).
func TestInterrupt(t *testing.T) {
	b, a, dir := newBench(t)
	bin := b.Scripts(t, "session-manager-plugin", `test "$1" = --version || ps -o pgid= -p $$ > "$BIN/plugin.group"
`+fakePlugin, "psql", `trap 'echo cancelled > "$BIN/psql.cancelled"' INT
kill -INT $PPID $PPID $$
ps -o pgid= -p $$ > "$BIN/psql.group"
test ! -f "$BIN/plugin.ended"`)
	require.NoError(t, psql(t, b, dir))
	require.Equal(t, "cancelled\n", read(t, bin, "psql.cancelled"))
	require.NotEqual(t, read(t, bin, "psql.group"), read(t, bin, "plugin.group"), "the terminal's signals must not reach the plugin")
	require.Len(t, a.Calls("TerminateSession"), 1)
}

// A plugin that does not end when it is told to (aws/amazon-ssm-agent#290) is killed: none stays behind (danmx/sigil#39).
func TestPluginHangs(t *testing.T) {
	b, _, dir := newBench(t)
	bin := b.Scripts(t, "session-manager-plugin", `test "$1" = --version && echo 1.2.707.0 && exit
trap '' INT
echo $$ > "$BIN/plugin.pid"
echo "Waiting for connections..."
while :; do sleep 0.05; done`, "psql", "exit 0")
	require.NoError(t, psql(t, b, dir))
	_, err := os.Stat("/proc/" + strings.TrimSpace(read(t, bin, "plugin.pid")))
	if _, noProc := os.Stat("/proc/self"); noProc == nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
