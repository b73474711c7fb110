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

// spotNotice is the time between the notice and the end of a Spot instance.
const spotNotice = 2 * time.Minute

// An instance that goes finishes what it has begun: the load balancers leave it the time of the longest request, and whoever
// ends its backend leaves it longer than the load balancers do, so no request is cut and none is sent to a closed port.
func TestDrainTimesNest(t *testing.T) {
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
			require.Less(t, noticed, backend.DrainTimeout, "a backend that ends by itself serves until the load balancers know")
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

		// The load balancer is the one to close a connection that is idle.
		balancer, _ := g.Find("aws:lb/loadBalancer:LoadBalancer", "compute-alb")
		idle := inputSeconds(t, balancer, "idleTimeout")
		require.Less(t, idle, backendconfig.IdleTimeout)
	}
}

// inputSeconds is an input that is a number of seconds.
func inputSeconds(t *testing.T, r plan.Resource, path ...any) time.Duration {
	t.Helper()
	return time.Duration(input(t, r, path...).(float64) * float64(time.Second))
}
