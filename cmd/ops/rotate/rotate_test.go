package rotate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

type bench struct {
	*opstest.Bench
	aws  *opstest.AWS
	args []string
	api  *int // the status of /v1/stats
}

// newBench is a stack whose configuration asks for one version of the password, and whose state has another.
func newBench(t *testing.T, wanted string, made int, password, secret string) *bench {
	t.Helper()
	a := opstest.NewAWS(t)
	status := 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/stats" {
			status = 404
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(server.Close)
	b := &bench{Bench: opstest.NewBench(t, a), aws: a, api: &status}
	config := "config:\n  aws:region: us-east-1\n"
	if wanted != "" {
		config += "  database:\n    passwordVersion: " + wanted + "\n"
	}
	dir := opstest.Project(t, "Pulumi.yaml", "name: scalable-backend\nruntime: go\n", "Pulumi.prod.yaml", config,
		"outputs.json", `{"databaseInstanceId":"db-1","databaseSecretArn":"arn:db","autoScalingGroupName":"group",
"adminTokenSecretArn":"arn:token","loadBalancerUrl":"`+server.URL+`"}`)
	b.args = []string{"-C", dir, "-stack", "acme/scalable-backend/prod", "-outputs", filepath.Join(dir, "outputs.json")}
	a.On("DescribeDBInstances",
		instance("resetting-master-credentials", ""), instance("available", "<MasterUserPassword>****</MasterUserPassword>"),
		instance("available", ""))
	a.On("DescribeSecret", opstest.Answer{Body: fmt.Sprintf(`{"LastChangedDate":%d}`, b.Clock.Now().Add(time.Minute).Unix())})
	a.On("GetSecretValue", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		if strings.Contains(c.Body, "arn:token") {
			return opstest.Answer{Body: `{"SecretString":"{\"token\":\"t\"}"}`}
		}
		return opstest.Answer{Body: `{"SecretString":"{\"host\":\"h\",\"port\":5432,\"dbname\":\"backend\",` +
			`\"username\":\"backend\",\"password\":\"pa-ss\"}"}`}
	}})
	b.HTTP = bundle{}
	const on = " --stack acme/scalable-backend/prod"
	state := ""
	if made > 0 {
		const urn = "urn:pulumi:prod::x::scalable-backend:database:Database$"
		state = fmt.Sprintf(`{"urn":"`+urn+`random:index/randomPassword:RandomPassword::database-password",
"created":%q,"modified":%[1]q,"inputs":{"keepers":{"__defaults":[],"passwordVersion":"%d"},"length":48}},
{"urn":"`+urn+`aws:secretsmanager/secretVersion:SecretVersion::database-credentials-version",
"created":%q,"modified":%[3]q,"inputs":{}}`,
			password, made, secret)
	}
	b.Programs["pulumi stack export --non-interactive"+on] = `{"version":3,"deployment":{"resources":[` + state + `]}}`
	b.Programs["pulumi config set --path database.passwordVersion "+strconv.Itoa(made+1)+on] = ""
	b.Programs["pulumi up --yes"+on] = "Resources: 3 changed\n"
	b.Programs["pulumi up"+on] = "Resources: 3 changed\n"
	return b
}

// bundle answers for AWS's certificates, and lets the rest through.
type bundle struct{}

func (bundle) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "truststore") {
		w := httptest.NewRecorder()
		fmt.Fprint(w, "-----BEGIN CERTIFICATE-----")
		return w.Result(), nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func instance(status, pending string) opstest.Answer {
	return opstest.Answer{Body: "<DBInstances><DBInstance><DBInstanceStatus>" + status + "</DBInstanceStatus><PendingModifiedValues>" +
		pending +
		"</PendingModifiedValues></DBInstance></DBInstances>"}
}

func (b *bench) rotate(t *testing.T, args ...string) error {
	t.Helper()
	return run(t.Context(), b.Env, append(b.args, args...))
}

func (b *bench) ran(prefix string) bool {
	for _, line := range b.Ran {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

const (
	earlier = "2026-01-01T00:00:00Z"
	later   = "2026-01-01T00:00:01.5Z"
)

func TestRotate(t *testing.T) {
	t.Parallel()
	for wanted, made := range map[string]int{"": 1, "1": 1, "7": 7} {
		b := newBench(t, wanted, made, earlier, later)
		require.NoError(t, b.rotate(t, "-yes"))
		require.True(t, b.ran("pulumi config set --path database.passwordVersion "+strconv.Itoa(made+1)), b.Ran)
		require.True(t, b.ran("pulumi up --yes"))
		require.Len(t, b.aws.Calls("DescribeDBInstances"), 3, "until RDS has it")
		require.Contains(t, b.Out.String(), "not tried on the database itself: AWS's Session Manager plugin is not installed")
		require.Contains(t, b.Out.String(), "The backend answers from the database.")
	}
}

// The version is set, or the password made, and the update ended before the secret had it: no other password is made.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	for _, b := range []*bench{newBench(t, "3", 2, earlier, later), newBench(t, "2", 2, later, earlier)} {
		require.NoError(t, b.rotate(t, "-yes"))
		require.False(t, b.ran("pulumi config"), b.Ran)
		require.True(t, b.ran("pulumi up"))
		require.Contains(t, b.Out.String(), "was begun and has not ended: it goes on")
	}
}

func TestTriesItOnTheDatabase(t *testing.T) { // not parallel: it sets PATH
	for code, want := range map[string]string{"0": "", "2": "a connection with it fails: psql"} {
		b := newBench(t, "", 1, earlier, later)
		b.aws.On("DescribeAutoScalingGroups", opstest.Answer{Body: "<AutoScalingGroups><member><Instances>" +
			"<member><InstanceId>i-2</InstanceId><LifecycleState>InService</LifecycleState></member></Instances></member></AutoScalingGroups>"})
		b.aws.On("StartSession", opstest.Answer{Body: `{"SessionId":"s","TokenValue":"tok","StreamUrl":"wss://x"}`})
		b.aws.On("TerminateSession", opstest.Answer{})
		state := b.Programs["pulumi stack export --non-interactive --stack acme/scalable-backend/prod"]
		b.Scripts(t, "session-manager-plugin", "test $1 = --version && echo 1.2.707.0 && exit; echo Waiting for connections...; exec sleep 60",
			"psql", `test "$PGPASSWORD" = pa-ss || exit 9; exit `+code, "pulumi", "test $1 = stack && cat <<'E'\n"+state+"\nE\nexit 0")
		err := b.rotate(t, "-yes")
		require.Len(t, b.aws.Calls("TerminateSession"), 1)
		if want == "" {
			require.NoError(t, err)
			require.NotContains(t, b.Out.String(), "not tried")
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		status     int
		b          *bench
		change     func(*bench)
	}{
		{"never deployed", "has no database: run pulumi up first", command.Failed, newBench(t, "", 0, earlier, later), nil},
		{"an old file", "is 1, and the stack has version 4 already", command.Failed, newBench(t, "1", 4, earlier, later), nil},
		{"no number", `is "two": want an integer`, command.Failed, newBench(t, "two", 4, earlier, later), nil},
		{"the update fails", "ops rotate again goes on with version 2", command.Failed, newBench(t, "1", 1, earlier, later), func(b *bench) {
			delete(b.Programs, "pulumi up --yes --stack acme/scalable-backend/prod")
		}},
		{"RDS hangs", "db-1 is modifying after 20m0s: run it again", command.Unfinished, newBench(t, "1", 1, earlier, later), func(b *bench) {
			b.aws.On("DescribeDBInstances", instance("modifying", ""))
		}},
		{"no instance", "RDS has no instance db-1", command.Failed, newBench(t, "1", 1, earlier, later), func(b *bench) {
			b.aws.On("DescribeDBInstances", opstest.Answer{Body: "<DBInstances/>"})
		}},
		{"denied", "rds:DescribeDBInstances: AccessDenied", command.Failed, newBench(t, "1", 1, earlier, later), func(b *bench) {
			b.aws.On("DescribeDBInstances", opstest.Answer{Code: "AccessDenied", Message: "no"})
		}},
		{"ended", "the AWS credentials have expired", command.Unfinished, newBench(t, "1", 1, earlier, later), func(b *bench) {
			b.aws.On("DescribeSecret", opstest.Answer{Code: "ExpiredTokenException", Message: "expired"})
		}},
		{"an old secret", "was last changed at 2026-01-01T00:00:00Z, before this update", command.Unfinished, newBench(t, "1", 1, earlier,
			later), func(b *bench) {
			b.aws.On("DescribeSecret", opstest.Answer{Body: `{"LastChangedDate":1767225600}`})
		}},
		{"the backend fails", "the password was changed, and the backend does not answer", command.Failed, newBench(t, "1", 1, earlier, later),
			func(b *bench) {
				*b.api = 503
			}},
	} {
		if c.change != nil {
			c.change(c.b)
		}
		err := c.b.rotate(t, "-yes")
		require.ErrorContains(t, err, c.want, c.name)
		require.Equal(t, c.status, command.Status(err), c.name)
		require.NotContains(t, err.Error()+c.b.Out.String(), "pa-ss")
	}
}

func TestNo(t *testing.T) {
	t.Parallel()
	b := newBench(t, "1", 1, earlier, later)
	b.Stdin = strings.NewReader("n\n")
	require.ErrorContains(t, b.rotate(t), "nothing was changed")
	require.False(t, b.ran("pulumi config"))
	require.False(t, b.ran("pulumi up"))
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, "3", 3, earlier, later)
	require.NoError(t, b.rotate(t, "-dry-run"))
	require.Empty(t, b.aws.Calls())
	require.Empty(t, b.Ran)
	text := b.Out.String()
	at := strings.Index(text, "http://127.0.0.1")
	require.Positive(t, at)
	end := at + strings.Index(text[at:], "/v1/")
	opstest.Golden(t, "dry-run.txt", text[:at]+"https://backend.example.com"+text[end:])
}
