package proof

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/api"
	"scalable-backend/compute"
	"scalable-backend/internal/plan"
	backendconfig "scalable-backend/services/backend/config"
)

// spotNotice is the time between a Spot interruption notice and the end of the instance.
const spotNotice = 2 * time.Minute

// A terminated instance finishes its requests: deregistration takes at least as long as the longest request, and the backend
// keeps serving longer than deregistration takes. Otherwise requests are cut off or sent to a closed port.
func TestDrainTimeouts(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		text, err := base64.StdEncoding.DecodeString(input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "userData").(string))
		require.NoError(t, err)
		env, err := compute.ReadEnvironment(string(text))
		require.NoError(t, err)
		backend, err := backendconfig.Parse(env)
		require.NoError(t, err)

		longest := max(api.TimeoutMillis*time.Millisecond, backendconfig.WriteTimeout)
		for _, targets := range g.OfType("aws:lb/targetGroup:TargetGroup") {
			delay := inputSeconds(t, targets, "deregistrationDelay")
			require.GreaterOrEqual(t, delay, longest, targets.Name)
			require.Less(t, delay, backend.DrainTimeout, targets.Name)
			require.Less(t, delay, spotNotice, targets.Name)
			checks := input(t, targets, "healthCheck", "unhealthyThreshold").(float64)
			noticed := inputSeconds(t, targets, "healthCheck", "interval") * time.Duration(checks)
			require.Less(t, noticed, backend.DrainTimeout, "a backend that stops must serve until its health checks have failed")
		}
		stops := map[string]time.Duration{}
		for name, pattern := range map[string]string{"container": `--stop-timeout (\d+)`, "unit": `TimeoutStopSec=(\d+)`} {
			match := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
			require.NotNil(t, match, name)
			seconds, err := strconv.Atoi(match[1])
			require.NoError(t, err)
			stops[name] = time.Duration(seconds) * time.Second
		}
		require.Less(t, backend.DrainTimeout, stops["container"])
		require.Less(t, stops["container"], stops["unit"])

		// The load balancer must close idle connections first: otherwise it sends a request on a closed one.
		balancer, _ := g.Find("aws:lb/loadBalancer:LoadBalancer", "compute-alb")
		idle := inputSeconds(t, balancer, "idleTimeout")
		require.Less(t, idle, backendconfig.IdleTimeout)
	}
}

// inputSeconds returns an input that holds seconds.
func inputSeconds(t *testing.T, r plan.Resource, path ...any) time.Duration {
	t.Helper()
	return time.Duration(input(t, r, path...).(float64) * float64(time.Second))
}
