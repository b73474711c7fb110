package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// world is an RDS, an Auto Scaling group, Pulumi's state and the stack's API, as far as a restore sees them.
type world struct {
	*opstest.Bench
	aws *opstest.AWS
	dir string

	mu         sync.Mutex
	instances  map[string]*database
	snapshots  []string
	suspended  bool
	state      string // the resource id in Pulumi's state
	config     map[string]string
	restored   string            // what the restored instance was made from
	invocation map[string]string // instance to status
	api        int
	// failAt makes the call of this number fail, once; 0 none.
	calls, failAt int
	lost          bool // the failing call does its work, and its answer is lost
}

// database is an instance. later is what it becomes when it was asked for a few times: RDS takes its time.
type database struct {
	resource, status, pending string
	protected                 bool
	later                     func()
	polls                     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a := opstest.NewAWS(t)
	w := &world{Bench: opstest.NewBench(t, a), aws: a, state: "db-OLD", config: map[string]string{}, api: 200,
		instances:  map[string]*database{"backend": {resource: "db-OLD", status: "available", protected: true}},
		invocation: map[string]string{"i-1": "Success", "i-2": "Success"}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(w.api)
		fmt.Fprint(rw, "{}")
	}))
	t.Cleanup(server.Close)
	w.dir = opstest.Project(t, "Pulumi.yaml", "name: scalable-backend\nruntime: go\n", "Pulumi.prod.yaml",
		"config:\n  aws:region: us-east-1\n",
		"outputs.json", `{"databaseInstanceId":"backend","autoScalingGroupName":"group","databaseSubnetGroup":"subnets",
"databaseSecurityGroupId":"sg-1","databaseParameterGroup":"parameters",
"adminTokenSecretArn":"arn:token","loadBalancerUrl":"`+server.URL+`"}`)
	w.Program, w.Attached = w.program, w.attached
	for operation, answer := range map[string]func(opstest.Call) (string, error){
		"DescribeDBInstances": w.describe, "ModifyDBInstance": w.modify, "DeleteDBInstance": w.remove,
		"RestoreDBInstanceToPointInTime": w.restore, "RestoreDBInstanceFromDBSnapshot": w.restore,
		"DescribeDBInstanceAutomatedBackups": w.backups,
		"DescribeInstanceRefreshes": func(opstest.Call) (string, error) {
			return "<InstanceRefreshes><member><Status>Successful</Status></member></InstanceRefreshes>", nil
		},
		"DescribeAutoScalingGroups": w.group,
		"CancelInstanceRefresh": func(opstest.Call) (string, error) {
			return "", errors.New("ActiveInstanceRefreshNotFound")
		},
		"SuspendProcesses":       func(opstest.Call) (string, error) { w.suspended = true; return "", nil },
		"ResumeProcesses":        func(opstest.Call) (string, error) { w.suspended = false; return "", nil },
		"SendCommand":            func(opstest.Call) (string, error) { return `{"Command":{"CommandId":"c-1"}}`, nil },
		"ListCommandInvocations": w.invocations,
		"GetSecretValue":         func(opstest.Call) (string, error) { return `{"SecretString":"{\"token\":\"t\"}"}`, nil },
	} {
		a.On(operation, opstest.Answer{Func: w.answer(answer)})
	}
	return w
}

// answer counts the call, and makes it fail when it is its turn.
func (w *world) answer(do func(opstest.Call) (string, error)) func(opstest.Call) opstest.Answer {
	return func(c opstest.Call) opstest.Answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls++
		if w.calls == w.failAt {
			if w.lost {
				_, _ = do(c)
			}
			return opstest.Answer{Drop: true}
		}
		body, err := do(c)
		if err != nil {
			return opstest.Answer{Code: err.Error(), Message: "the service says no", Status: 400}
		}
		return opstest.Answer{Body: body}
	}
}

// after does what RDS does some time after it was asked to: here, after two looks at the instance.
func (d *database) after(do func()) { d.polls, d.later = 0, do }

func (w *world) describe(c opstest.Call) (string, error) {
	for _, d := range w.instances {
		if d.later == nil {
			continue
		}
		if d.polls++; d.polls >= 2 {
			do := d.later
			d.later = nil
			do()
		}
	}
	if name := c.Form.Get("DBInstanceIdentifier"); name != "" {
		if w.instances[name] == nil {
			return "", errors.New("DBInstanceNotFound")
		}
		return "<DBInstances>" + w.instances[name].xml(name) + "</DBInstances>", nil
	}
	if c.Form.Get("Filters.Filter.1.Name") != "db-instance-id" {
		return "", errors.New("InvalidParameterValue")
	}
	body := ""
	for i := 1; ; i++ {
		name := c.Form.Get(fmt.Sprintf("Filters.Filter.1.Values.Value.%d", i))
		if name == "" {
			return "<DBInstances>" + body + "</DBInstances>", nil
		}
		if d := w.instances[name]; d != nil {
			body += d.xml(name)
		}
	}
}

func (d *database) xml(name string) string {
	pending := ""
	if d.pending != "" {
		pending = "<DBInstanceIdentifier>" + d.pending + "</DBInstanceIdentifier>"
	}
	return fmt.Sprintf("<DBInstance><DBInstanceIdentifier>%s</DBInstanceIdentifier><DbiResourceId>%s</DbiResourceId>"+
		"<DBInstanceStatus>%s</DBInstanceStatus>"+
		"<DeletionProtection>%t</DeletionProtection><MultiAZ>true</MultiAZ><LatestRestorableTime>2026-02-03T04:00:00Z</LatestRestorableTime>"+
		"<PendingModifiedValues>%s</PendingModifiedValues></DBInstance>", name, d.resource, d.status, d.protected, pending)
}

func (w *world) modify(c opstest.Call) (string, error) {
	name := c.Form.Get("DBInstanceIdentifier")
	d := w.instances[name]
	if d == nil {
		return "", errors.New("DBInstanceNotFound")
	}
	if d.status != "available" || d.later != nil {
		return "", errors.New("InvalidDBInstanceState")
	}
	if c.Form.Get("DeletionProtection") == "false" {
		d.protected = false
	}
	if to := c.Form.Get("NewDBInstanceIdentifier"); to != "" {
		if w.instances[to] != nil {
			return "", errors.New("DBInstanceAlreadyExists")
		}
		d.pending = to
		d.after(func() {
			delete(w.instances, name)
			d.pending, d.status = "", "renaming"
			w.instances[to] = d
			d.after(func() { d.status = "available" })
		})
	}
	return "", nil
}

func (w *world) remove(c opstest.Call) (string, error) {
	name := c.Form.Get("DBInstanceIdentifier")
	d := w.instances[name]
	if d == nil {
		return "", errors.New("DBInstanceNotFound")
	}
	if d.protected {
		return "", errors.New("InvalidParameterCombination")
	}
	if snapshot := c.Form.Get("FinalDBSnapshotIdentifier"); snapshot != "" {
		w.snapshots = append(w.snapshots, snapshot)
	}
	d.status = "deleting"
	d.after(func() { delete(w.instances, name) })
	return "", nil
}

func (w *world) restore(c opstest.Call) (string, error) {
	name := c.Form.Get("TargetDBInstanceIdentifier") + c.Form.Get("DBInstanceIdentifier")
	if w.instances[name] != nil {
		return "", errors.New("DBInstanceAlreadyExists")
	}
	w.restored = ""
	for _, key := range []string{"SourceDBInstanceIdentifier", "SourceDbiResourceId", "RestoreTime", "UseLatestRestorableTime",
		"DBSnapshotIdentifier",
		"MultiAZ", "DeletionProtection", "PubliclyAccessible", "DBSubnetGroupName", "VpcSecurityGroupIds.VpcSecurityGroupId.1",
		"DBParameterGroupName"} {
		if value := c.Form.Get(key); value != "" {
			w.restored += key + "=" + value + " "
		}
	}
	d := &database{resource: "db-NEW", status: "creating", protected: c.Form.Get("DeletionProtection") == "true"}
	w.instances[name] = d
	d.after(func() { d.status = "available" })
	return "", nil
}

func (w *world) backups(opstest.Call) (string, error) {
	body := ""
	for id, made := range map[string]string{"db-OLDER": "2025-01-01T00:00:00Z", "db-OLD": "2025-06-01T00:00:00Z"} {
		body += "<DBInstanceAutomatedBackup><DbiResourceId>" + id + "</DbiResourceId><InstanceCreateTime>" + made +
			"</InstanceCreateTime></DBInstanceAutomatedBackup>"
	}
	return "<DBInstanceAutomatedBackups>" + body + "</DBInstanceAutomatedBackups>", nil
}

func (w *world) group(opstest.Call) (string, error) {
	suspended := ""
	if w.suspended {
		suspended = "<SuspendedProcesses><member><ProcessName>AZRebalance</ProcessName></member>" +
			"<member><ProcessName>ReplaceUnhealthy</ProcessName></member></SuspendedProcesses>"
	}
	return "<AutoScalingGroups><member><Instances><member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState></member>" +
		"<member><InstanceId>i-2</InstanceId><LifecycleState>InService</LifecycleState></member></Instances>" + suspended +
		"</member></AutoScalingGroups>", nil
}

// invocations has one on each page.
func (w *world) invocations(c opstest.Call) (string, error) {
	id, next := "i-1", `,"NextToken":"2"`
	if strings.Contains(c.Body, "NextToken") {
		id, next = "i-2", ""
	}
	status, reached := w.invocation[id]
	if !reached {
		return `{"CommandInvocations":[]}`, nil
	}
	return fmt.Sprintf(`{"CommandInvocations":[{"InstanceId":%q,"Status":%q}]%s}`, id, status, next), nil
}

// program is Pulumi.
func (w *world) program(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := name + " " + strings.Join(args, " ")
	w.Ran = append(w.Ran, line)
	w.calls++
	if w.calls == w.failAt {
		return nil, errors.New("pulumi: the network is gone")
	}
	switch {
	case strings.HasPrefix(line, "pulumi config set --path "):
		w.config[args[3]] = args[4]
		return nil, w.write()
	case strings.HasPrefix(line, "pulumi stack export --non-interactive"):
		return []byte(fmt.Sprintf(`{"version":3,"deployment":{"resources":[
{"urn":"urn:pulumi:prod::x::random:index/randomId:RandomId::a","id":"r","outputs":{"dec":12345678901234567890}},
{"urn":"urn:pulumi:prod::x::y$aws:rds/instance:Instance::database-instance","id":%q,
"outputs":{"id":%[1]q,"resourceId":%[1]q,"address":"a<b"}},
{"urn":"urn:pulumi:prod::x::y$aws:rds/instance:Instance::database-instance","id":"db-GONE","delete":true,"outputs":{}}]}}`, w.state)), nil
	case strings.HasPrefix(line, "pulumi stack import --file "):
		var s struct {
			Deployment struct {
				Resources []struct {
					ID      string         `json:"id"`
					Outputs map[string]any `json:"outputs"`
				} `json:"resources"`
			} `json:"deployment"`
		}
		text, err := os.ReadFile(args[3])
		if err != nil {
			return nil, err
		}
		w.state = ""
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		if !strings.Contains(string(text), "12345678901234567890") || !strings.Contains(string(text), "a<b") {
			return nil, errors.New("a number or a text was written in another form")
		}
		w.state = s.Deployment.Resources[1].ID
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%s in %s: %w", line, dir, command.ErrMissing)
}

// write writes the stack's file, as `pulumi config set` does.
func (w *world) write() error {
	text := "config:\n  aws:region: us-east-1\n"
	for _, tier := range []string{"compute", "database"} {
		text += "  " + tier + ":\n    x: 1\n"
		for key, value := range w.config {
			if name, ok := strings.CutPrefix(key, tier+"."); ok {
				text += "    " + name + ": " + value + "\n"
			}
		}
	}
	return os.WriteFile(filepath.Join(w.dir, "Pulumi.prod.yaml"), []byte(text), 0o600)
}

func (w *world) attached(_ context.Context, p command.Attached) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := p.Name + " " + strings.Join(p.Args, " ")
	w.Ran = append(w.Ran, line)
	w.calls++
	if w.calls == w.failAt {
		return errors.New("pulumi up: exit status 255")
	}
	if strings.HasPrefix(line, "pulumi up --refresh") && w.instances["backend"].resource != w.state {
		return errors.New("pulumi up would rename the old instance")
	}
	return nil
}

func (w *world) do(t *testing.T, args ...string) error {
	t.Helper()
	return run(t.Context(), w.Env, append([]string{"-C", w.dir, "-stack", "prod", "-outputs", filepath.Join(w.dir, "outputs.json"), "-yes"},
		args...))
}

func (w *world) ran(prefix string) (n int) {
	for _, line := range w.Ran {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// names are the instances with their resource ids.
func (w *world) names() map[string]string {
	out := map[string]string{}
	for name, d := range w.instances {
		if d.status != "deleting" {
			out[name] = d.resource
		}
	}
	return out
}
