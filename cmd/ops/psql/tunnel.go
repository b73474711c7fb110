package psql

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
)

const (
	plugin = "session-manager-plugin"
	// The plugin takes the session's token from this variable after 1.2.497.0; before, it stood on the command line for everybody to see.
	variable       = "AWS_SSM_START_SESSION_RESPONSE"
	withoutOne     = "1.2.497.0"
	install        = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
	longestOpening = 30 * time.Second
)

// tunnel is a local port that leads to the database.
type tunnel struct {
	port    int
	session string
	client  *ssm.Client
	plugin  *exec.Cmd
	ended   chan struct{}
}

// openTunnel begins a session on the first instance that takes one, and waits until the plugin listens.
func openTunnel(ctx context.Context, r *procedure.Run, config aws.Config, host string, port, local int) (*tunnel, error) {
	t := &tunnel{port: local, ended: make(chan struct{})}
	if r.Dry && local == 0 {
		t.port = 15432 // any free one
	}
	if !r.Dry {
		if err := checkPlugin(ctx, r); err != nil {
			return nil, err
		}
		if local == 0 {
			var err error
			if t.port, err = freePort(); err != nil {
				return nil, err
			}
		}
		t.client = ssm.NewFromConfig(config)
	}
	instances, err := serving(ctx, r, config)
	if err != nil {
		return nil, err
	}
	var in *ssm.StartSessionInput
	var started *ssm.StartSessionOutput
	for _, instance := range instances {
		in = forward(instance, host, port, t.port)
		started, err = procedure.Do(ctx, r, "ssm", t.client.StartSession, in, &ssm.StartSessionOutput{})
		var elsewhere *ssmtypes.TargetNotConnected
		if !errors.As(err, &elsewhere) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if r.Dry {
		return t, nil
	}
	t.session = aws.ToString(started.SessionId)
	if err := t.start(ctx, r, config, in, started); err != nil {
		t.close(ctx)
		return nil, err
	}
	return t, nil
}

// serving are the instances that serve, of which each may speak with the database.
func serving(ctx context.Context, r *procedure.Run, config aws.Config) ([]string, error) {
	group, err := r.Stack.Output("autoScalingGroupName")
	if err != nil {
		return nil, err
	}
	found, err := procedure.Read(ctx, r, "autoscaling", autoscaling.NewFromConfig(config).DescribeAutoScalingGroups,
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}}, nil)
	if err != nil {
		return nil, err
	}
	if r.Dry {
		return []string{"<an instance of " + group + " that is InService>"}, nil
	}
	var out []string
	for _, g := range found.AutoScalingGroups {
		for _, i := range g.Instances {
			if i.LifecycleState == autoscalingtypes.LifecycleStateInService {
				out = append(out, aws.ToString(i.InstanceId))
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no instance of %s is in service, and the way to the database leads through one", group)
	}
	return out, nil
}

func checkPlugin(ctx context.Context, r *procedure.Run) error {
	text, err := r.Env.Program(ctx, r.Stack.Dir, plugin, "--version")
	if errors.Is(err, command.ErrMissing) {
		return fmt.Errorf("AWS's Session Manager plugin is not installed: %s", install)
	}
	if err != nil {
		return err
	}
	version := strings.TrimSpace(string(text))
	if !after(version, withoutOne) {
		return fmt.Errorf("AWS's Session Manager plugin is %s: want one after %s, which keeps the session's token off the command line: %s",
			version, withoutOne, install)
	}
	return nil
}

// after compares versions of numbers and dots; what is none is not after any.
func after(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range max(len(a), len(b)) {
		var x, y int
		var err error
		if i < len(a) {
			if x, err = strconv.Atoi(a[i]); err != nil {
				return false
			}
		}
		if i < len(b) {
			y, _ = strconv.Atoi(b[i]) // a constant
		}
		if x != y {
			return x > y
		}
	}
	return false
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// start runs the plugin in the background, and waits until it says that it listens. It is out of reach of the terminal's Ctrl-C, with
// which psql ends a query.
func (t *tunnel) start(ctx context.Context, r *procedure.Run, config aws.Config, in *ssm.StartSessionInput,
	started *ssm.StartSessionOutput) error {
	token, err := json.Marshal(map[string]string{
		"SessionId": t.session, "TokenValue": aws.ToString(started.TokenValue), "StreamUrl": aws.ToString(started.StreamUrl),
	})
	if err != nil {
		return err
	}
	parameters, err := json.Marshal(map[string]any{"Target": in.Target, "DocumentName": in.DocumentName, "Parameters": in.Parameters})
	if err != nil {
		return err
	}
	endpoint, err := ssm.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ssm.EndpointParameters{Region: aws.String(config.Region)})
	if err != nil {
		return err
	}
	profile := cmp.Or(r.Env.Getenv("AWS_PROFILE"), r.Stack.Config("aws:profile")) // it resumes a session that broke off
	t.plugin = exec.Command(plugin, variable, config.Region, "StartSession", profile, string(parameters), endpoint.URI.String())
	t.plugin.Env = append(os.Environ(), variable+"="+string(token))
	t.plugin.Stderr = r.Env.Stderr
	apart(t.plugin)
	output, err := t.plugin.StdoutPipe()
	if err != nil {
		return err
	}
	if err := t.plugin.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", plugin, err)
	}
	listens := make(chan bool, 1)
	var said strings.Builder
	go func() {
		defer close(t.ended)
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Waiting for connections") {
				listens <- true
				break
			}
			said.WriteString(lines.Text() + "\n")
		}
		_, _ = io.Copy(io.Discard, output) // what it says of each connection; it must not wait for a reader
		_ = t.plugin.Wait()                // how it ended is seen by psql
		close(listens)
	}()
	select {
	case listening := <-listens:
		if !listening {
			return fmt.Errorf("%s ended: %s", plugin, strings.TrimSpace(said.String()))
		}
		return nil
	case <-time.After(longestOpening):
		return fmt.Errorf("%s does not listen after %s", plugin, longestOpening)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the plugin and the session, which would go on for its idle time.
func (t *tunnel) close(ctx context.Context) {
	if t.session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = t.client.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String(t.session)}) // it ends by itself otherwise
	if t.plugin == nil || t.plugin.Process == nil {
		return
	}
	_ = t.plugin.Process.Signal(os.Interrupt)
	select {
	case <-t.ended:
	case <-time.After(3 * time.Second):
		_ = t.plugin.Process.Kill()
		<-t.ended
	}
}
