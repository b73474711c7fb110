package rollout_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
	"scalable-backend/cmd/ops/rollout"
)

// invoke does what main does with a command.
func invoke(ctx context.Context, b *opstest.Bench, args []string) int {
	err := rollout.Command().Run(ctx, b.Env, args)
	if err != nil && !errors.Is(err, flag.ErrHelp) && err.Error() != "" {
		fmt.Fprintln(b.Err, err)
	}
	return command.Status(err)
}

func TestRollout(t *testing.T) {
	t.Parallel()
	used := newCalls()
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				c.set(w)
				args := "-stack prod"
				if c.args != "" {
					args += " " + c.args
				}
				session, status := w.run(t, args)
				require.Equal(t, c.status, status, session)
				opstest.Golden(t, c.name+".txt", session)
				used.add(w.aws)
			})
		}
	})
	if used.worlds == len(cases) { // all of them ran
		// The page's table has the permissions that the cases need: all of them, and no other.
		documented := opstest.Permissions(t, "../../../docs/ops.md", "rollout")
		require.ElementsMatch(t, append(used.names(), "Invoke"), documented)
	}
}

// calls are the operations that cases of a test have used.
type calls struct {
	mu     sync.Mutex
	worlds int
	seen   map[string]bool
}

func newCalls() *calls { return &calls{seen: map[string]bool{"GetCallerIdentity": true}} }

func (c *calls) add(a *opstest.AWS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.worlds++
	for _, call := range a.Calls() {
		c.seen[call.Operation] = true
	}
}

// names are those that need a permission.
func (c *calls) names() []string {
	delete(c.seen, "GetCallerIdentity")
	return slices.Sorted(maps.Keys(c.seen))
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inProgress(w)
	ctx, cancel := context.WithCancel(t.Context())
	w.bench.Env.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	_, _ = w.run(t, "-h") // fills in the outputs
	w.bench.Out.Reset()
	require.Equal(t, command.Unfinished, invoke(ctx, w.bench, []string{"-stack", "prod", "-C", w.dir}))
	require.Contains(
		t,
		w.bench.Out.String(),
		"last seen, at 04:05:06 UTC: backend 0/3 of version 7, 3 of others, refresh InProgress 10 %",
	)
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-only both":                    "-only both: want backend or agents",
		"-dry-run":                      "-dry-run: without -rollback nothing is changed",
		"-to 5":                         "-to: it goes with -rollback and -only",
		"-rollback -to 5":               "-to: it goes with -rollback and -only",
		"-timeout 0s":                   "-timeout 0s: want more than 0s",
		"-timeout soon":                 `invalid value "soon" for flag -timeout`,
		"now":                           `unexpected argument "now"`,
		"-rollback -only agents -to -1": "-to -1: want a number above 0",
	} {
		w := newWorld(t)
		session, status := w.run(t, args)
		require.Equal(t, command.Misused, status, session)
		require.Contains(t, session, want)
		require.Empty(t, w.aws.Calls(), args)
	}
}

func TestStacksThatDoNotFit(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]func(*world){
		"has no output autoScalingGroupName: run pulumi up first": func(w *world) { delete(w.outputs, "autoScalingGroupName") },
		"has no Auto Scaling group compute-group-1 in eu-central-1: is the stack's output still right?": func(w *world) {
			w.aws.On("DescribeAutoScalingGroups", opstest.Answer{Body: "<AutoScalingGroups></AutoScalingGroups>"})
		},
		"has no service fargate-agent-1": func(w *world) { w.aws.On("DescribeServices", opstest.Answer{Body: `{"services":[],"failures":[]}`}) },
		"and the stack prod is in 999988887777": func(w *world) {
			w.outputs["loadBalancerArn"] = "arn:aws:elasticloadbalancing:eu-central-1:999988887777:loadbalancer/app/compute-alb/1"
		},
		"the caller may not do this: docs/ops.md lists the permissions of each command (autoscaling:DescribeInstanceRefreshes: " +
			"AccessDenied: no)": func(w *world) {
			w.aws.On("DescribeInstanceRefreshes", opstest.Answer{Code: "AccessDenied", Message: "no", Status: 403})
		},
	} {
		w := newWorld(t)
		set(w)
		session, status := w.run(t, "-stack prod")
		require.Equal(t, command.Failed, status, session)
		require.Contains(t, session, want)
	}
	w := newWorld(t)
	delete(w.outputs, "clusterName")
	session, status := w.run(t, "-stack prod -only agents")
	require.Equal(t, command.Failed, status)
	require.Contains(t, session, "the stack prod has no agents (fargate.enabled)")
	w = newWorld(t)
	delete(w.outputs, "clusterName")
	session, status = w.run(t, "-stack prod")
	require.Zero(t, status, session)
	require.NotContains(t, session, "agents")
}
