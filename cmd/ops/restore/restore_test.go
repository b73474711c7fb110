package restore

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

const point = "2026-02-02T03:00:00Z"

func TestWholeRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.do(t, "-time", point))
	require.Equal(t, map[string]string{"backend": "db-OLD", "backend-new": "db-NEW"}, w.names())
	require.Equal(t, "SourceDBInstanceIdentifier=backend RestoreTime=2026-02-02T03:00:00Z MultiAZ=true DeletionProtection=true "+
		"PubliclyAccessible=false "+
		"DBSubnetGroupName=subnets VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1 DBParameterGroupName=parameters ", w.restored)
	require.Equal(t, map[string]string{"compute.keepObjects": "true", "compute.ignoreRollbackAlarms": "true"}, w.config)
	require.Contains(t, w.Out.String(), "ops psql -stack prod -instance backend-new")

	require.NoError(t, w.do(t, "-exchange"))
	require.Equal(t, map[string]string{"backend": "db-NEW", "backend-old": "db-OLD"}, w.names())
	require.Equal(t, "db-NEW", w.state)
	require.Equal(t, 1, w.ran("pulumi up --refresh --stack prod"), "Pulumi asks, whatever -yes says")
	before, err := os.ReadFile(filepath.Join(w.dir, ".cache", "restore-prod-before.json"))
	require.NoError(t, err)
	require.Contains(t, string(before), `"id":"db-OLD"`)

	require.NoError(t, w.do(t, "-finish"))
	require.Equal(t, map[string]string{"backend": "db-NEW"}, w.names())
	require.Equal(t, []string{"backend-old-final-20260203"}, w.snapshots)
	require.Equal(t, map[string]string{"compute.keepObjects": "false", "compute.ignoreRollbackAlarms": "false"}, w.config)
	opstest.Golden(t, "whole.txt", strings.ReplaceAll(w.Out.String(), w.dir, "/project"))
}

// Whichever call fails, before or after it did its work, the same command again ends where the first would have.
func TestCanBeRunAgain(t *testing.T) {
	t.Parallel()
	clean := newWorld(t)
	for _, args := range [][]string{{"-time", point}, {"-exchange"}, {"-finish"}} {
		require.NoError(t, clean.do(t, args...))
	}
	require.Greater(t, clean.calls, 30)
	for _, lost := range []bool{false, true} {
		for n := 1; n <= clean.calls; n++ {
			w := newWorld(t)
			w.failAt, w.lost = n, lost
			for _, args := range [][]string{{"-time", point}, {"-exchange"}, {"-finish"}} {
				if err := w.do(t, args...); err != nil {
					require.NoError(t, w.do(t, args...), "call %d, lost %t, after: %v", n, lost, err)
				}
			}
			require.Equal(t, clean.names(), w.names(), "call %d, lost %t", n, lost)
			require.Equal(t, clean.state, w.state, "call %d, lost %t", n, lost)
			require.Equal(t, clean.snapshots, w.snapshots, "call %d, lost %t", n, lost)
			require.Equal(t, clean.config, w.config, "call %d, lost %t", n, lost)
		}
	}
}

// The old instance is gone: its backups are not, and the instances get the setting by hand.
func TestLostInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	delete(w.instances, "backend")
	require.NoError(t, w.do(t, "-time", point))
	require.True(t, strings.HasPrefix(w.restored, "SourceDbiResourceId=db-OLD RestoreTime="), w.restored)
	require.Contains(t, w.restored, "MultiAZ=false DeletionProtection=true", "of the configuration and its defaults")
	require.True(t, w.suspended)
	require.Contains(t, w.aws.Calls("SendCommand")[0].Body, "BACKEND_BUCKET_SWEEP_INTERVAL=0")
	require.NoError(t, w.do(t, "-exchange"))
	require.Equal(t, map[string]string{"backend": "db-NEW"}, w.names())
	require.Equal(t, "db-NEW", w.state)
	require.False(t, w.suspended, "the group replaces instances again")
	require.NoError(t, w.do(t, "-finish"))
	require.Empty(t, w.snapshots)
	require.ErrorContains(t, w.do(t, "-exchange"), "there is no backend-new: ops restore -time <time> makes it")

	w = newWorld(t)
	delete(w.instances, "backend")
	w.invocation["i-2"] = "TimedOut"
	require.ErrorContains(t, w.do(t, "-time", point), "the setting did not reach i-2: terminate each")
	delete(w.invocation, "i-2")
	require.ErrorContains(t, w.do(t, "-time", point), "the setting did not reach i-2: terminate each", "one that no command came to")
	w.invocation["i-1"] = "InProgress"
	err := w.do(t, "-time", point)
	require.ErrorContains(t, err, "the setting has not reached every instance after 15m0s")
	require.Equal(t, command.Unfinished, command.Status(err))

	w = newWorld(t)
	delete(w.instances, "backend")
	w.aws.On("DescribeDBInstanceAutomatedBackups", opstest.Answer{Body: "<DBInstanceAutomatedBackups/>"})
	require.ErrorContains(t, w.do(t, "-latest"), "backend is gone, and has no automated backups: -snapshot")
	require.NoError(t, w.do(t, "-snapshot", "backend-final"))
	require.True(t, strings.HasSuffix(strings.Split(w.restored, " ")[0], "=backend-final"), w.restored)
}

func TestLatestAndSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.do(t, "-latest"))
	require.Contains(t, w.restored, "UseLatestRestorableTime=true")
	require.NoError(t, w.do(t, "-discard"))
	require.Equal(t, map[string]string{"backend": "db-OLD"}, w.names())
	require.NoError(t, w.do(t, "-discard"), "there is nothing left to discard")
	require.Equal(t, 1, len(w.aws.Calls("DeleteDBInstance")))
	require.NoError(t, w.do(t, "-snapshot", "s-1"))
	require.Contains(t, w.restored, "DBSnapshotIdentifier=s-1")
}

func TestReplicasAndPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config["database.replicas"], w.config["database.passwordVersion"] = "2", "4"
	require.NoError(t, w.write())
	require.NoError(t, w.do(t, "-time", point))
	w.Ran = nil
	require.NoError(t, w.do(t, "-exchange", "-new-password"))
	var order []string
	for _, line := range w.Ran {
		if strings.Contains(line, "config set") || strings.Contains(line, " up") {
			order = append(order, line)
		}
	}
	require.Equal(t, []string{"pulumi config set --path database.passwordVersion 5 --stack prod",
		"pulumi config set --path database.replicas 0 --stack prod",
		"pulumi up --refresh --stack prod", "pulumi config set --path database.replicas 2 --stack prod", "pulumi up --yes --stack prod"}, order)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	available := func(resource string) *database { return &database{resource: resource, status: "available"} }
	for _, c := range []struct {
		names []string
		next  string
	}{
		{[]string{"backend"}, "ops restore -time <time> begins one"},
		{[]string{"backend", "backend-new"}, "ops psql -instance backend-new looks at it; then ops restore -exchange, or -discard"},
		{[]string{"backend-new", "backend-old"}, "the exchange is half done: ops restore -exchange"},
		{[]string{"backend", "backend-old"}, "ops restore -exchange if Pulumi does not know yet"},
		{[]string{"backend", "backend-new", "backend-old"}, "delete one of the three"},
		{[]string{"backend-old"}, "aws rds modify-db-instance --db-instance-identifier backend-old --new-db-instance-identifier backend " +
			"--apply-immediately"},
	} {
		w := newWorld(t)
		w.instances = map[string]*database{}
		for _, name := range c.names {
			w.instances[name] = available(name)
		}
		require.NoError(t, w.do(t))
		require.Contains(t, w.Out.String(), c.next)
		require.Len(t, w.aws.Calls(), 2, "it looks, and does nothing")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		change func(*world)
		want   string
		status int
	}{
		{[]string{"-time", "yesterday"}, nil, "-time yesterday: want a time such as", command.Misused},
		{[]string{"-time", "2027-01-01T00:00:00Z"}, nil, "want a time in the past", command.Misused},
		{[]string{"-time", point, "-discard"}, nil, "want one of -time", command.Misused},
		{[]string{"-new-password"}, nil, "-new-password goes with -exchange", command.Misused},
		{[]string{"-time", "2026-02-03T04:03:00Z"}, nil, "-time: the latest that there is, is 2026-02-03T04:00:00Z", command.Failed},
		{[]string{"-time", point}, func(w *world) { w.instances["backend-old"] = &database{resource: "x", status: "available"} },
			"backend-old is there, of an earlier restore", command.Failed},
		{[]string{"-exchange"}, nil, "there is no backend-new: ops restore -time", command.Failed},
		{[]string{"-exchange"}, func(w *world) { w.instances["backend-new"] = &database{resource: "x", status: "creating"} },
			"backend-new is creating: want it available", command.Failed},
		{[]string{"-exchange"}, func(w *world) { delete(w.instances, "backend") }, "there is neither backend nor backend-new", command.Failed},
		{[]string{"-finish"}, func(w *world) {
			w.instances["backend-old"] = &database{resource: "x", status: "available"}
			w.state = "other"
		},
			"the state of Pulumi has another backend", command.Failed},
		{[]string{"-finish"}, func(w *world) { delete(w.instances, "backend") }, "-finish would leave the stack without a database",
			command.Failed},
		{[]string{"-finish"}, func(w *world) { w.instances["backend-new"] = &database{resource: "x", status: "available"} },
			"backend-new is there still", command.Failed},
		{[]string{"-discard"}, func(w *world) {
			w.instances["backend-new"], w.instances["backend-old"] = &database{resource: "x", status: "available"}, &database{resource: "y",
				status: "available"}
		}, "the exchange of the names has begun", command.Failed},
		{[]string{"-time", point}, func(w *world) { w.instances["backend-new"] = &database{resource: "x", status: "incompatible-restore"} },
			"backend-new is incompatible-restore", command.Failed},
		{[]string{"-time", point}, func(w *world) { w.instances["backend-new"] = &database{resource: "x", status: "creating"} },
			"backend-new is creating after 6h0m0s: run it again", command.Unfinished},
		{[]string{"-latest"}, func(w *world) {
			w.aws.On("DescribeInstanceRefreshes",
				opstest.Answer{Body: "<InstanceRefreshes><member><Status>Failed</Status><StatusReason>an " +
					"alarm</StatusReason></member></InstanceRefreshes>"})
		}, "the instance refresh of group is Failed: an alarm", command.Failed},
		{[]string{"-latest"}, func(w *world) {
			w.aws.On("RestoreDBInstanceToPointInTime", opstest.Answer{Code: "PointInTimeRestoreNotEnabled", Message: "no backups"})
		}, "rds:RestoreDBInstanceToPointInTime: PointInTimeRestoreNotEnabled", command.Failed},
		{[]string{"-latest"}, func(w *world) {
			w.aws.On("DescribeDBInstances", opstest.Answer{Code: "AccessDenied", Message: "no", Status: 403})
		}, "docs/ops.md lists the permissions", command.Failed},
		{[]string{"-latest"}, func(w *world) {
			w.aws.On("DescribeDBInstances", opstest.Answer{Code: "ExpiredToken", Message: "x", Status: 403})
		}, "have expired", command.Unfinished},
	} {
		w := newWorld(t)
		if c.change != nil {
			c.change(w)
		}
		err := w.do(t, c.args...)
		require.ErrorContains(t, err, c.want, "%v", c.args)
		require.Equal(t, c.status, command.Status(err), c.want)
		require.Empty(t, w.aws.Calls("DeleteDBInstance"))
	}
}

// The exchange is done, and the backend has the wrong password: the rest was done, and the error says so.
func TestBackendDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.do(t, "-time", point))
	w.api = 503
	require.ErrorContains(t, w.do(t, "-exchange"), "the names are exchanged and Pulumi knows; the backend does not answer")
	require.Equal(t, "db-NEW", w.state)
	w.api = 200
	require.NoError(t, w.do(t, "-exchange"))
	require.Contains(t, w.Out.String(), "Pulumi knows the instance already.")
}

func TestAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Stdin = strings.NewReader("no\n")
	err := run(t.Context(), w.Env, []string{"-C", w.dir, "-stack", "prod", "-outputs", filepath.Join(w.dir, "outputs.json"), "-latest"})
	require.ErrorContains(t, err, "nothing was changed")
	require.Empty(t, w.Ran)
	require.Len(t, w.aws.Calls(), 2, "it looked")
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"begin": {"-time", point}, "snapshot": {"-snapshot", "s-1"}, "exchange": {"-exchange"},
		"finish": {"-finish"}, "discard": {"-discard"}} {
		w := newWorld(t)
		require.NoError(t, w.do(t, append(args, "-dry-run")...))
		require.Empty(t, w.aws.Calls())
		require.Empty(t, w.Ran)
		text := strings.ReplaceAll(w.Out.String(), w.dir, "/project")
		if i := strings.Index(text, "http://127.0.0.1"); i >= 0 {
			text = text[:i] + "https://backend.example.com" + text[i+strings.Index(text[i:], "/v1"):]
		}
		opstest.Golden(t, fmt.Sprintf("dry-run-%s.txt", name), text)
	}
}

func TestStateOfOthers(t *testing.T) {
	t.Parallel()
	const urn, outputs = `{"urn":"a::aws:rds/instance:Instance::database-instance`, `,"outputs":{}}`
	resources := func(list string) string { return `{"deployment":{"resources":[` + list + `]}}` }
	for text, want := range map[string]string{
		resources(""): "0 resources are",
		`[]`:          "cannot unmarshal",
		resources(urn + `"` + outputs + `,` + urn + `"` + outputs): "2 resources are",
		resources(urn + `"}`):                    "has no outputs",
		resources(urn + `-replica-1"` + outputs): "0 resources are",
	} {
		_, _, err := withID([]byte(text), "x")
		require.ErrorContains(t, err, want)
	}
}

// docs/doctor.md names what restore calls, and nothing else but what decrypts the secret.
func TestDocumentedPermissions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/doctor.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `restore` \\| (`.*) \\|$").FindStringSubmatch(string(text))
	require.NotNil(t, row)
	documented, called := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile("`[a-z]+:(\\w+)`").FindAllStringSubmatch(row[1], -1) {
		documented[m[1]] = true
	}
	delete(documented, "Decrypt")
	whole, lost := newWorld(t), newWorld(t)
	delete(lost.instances, "backend")
	for _, w := range []*world{whole, lost} {
		for _, args := range [][]string{{"-snapshot", "s"}, {"-discard"}, {"-time", point}, {"-exchange"}, {"-finish"}} {
			if w == lost && args[0] == "-discard" {
				delete(w.instances, "backend-new")
				continue
			}
			require.NoError(t, w.do(t, args...))
		}
		for _, call := range w.aws.Calls() {
			called[call.Operation] = true
		}
	}
	delete(called, "GetCallerIdentity")
	require.Equal(t, documented, called)
}
