package proof

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/fargate"
	agentconfig "scalable-backend/services/agent/config"
	backendconfig "scalable-backend/services/backend/config"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/storage"
)

// The backend's parser accepts the environment in the user data and reads the planned stack's values from it.
func TestBackendReadsThePlannedEnvironment(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		text, err := base64.StdEncoding.DecodeString(input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "userData").(string))
		require.NoError(t, err)
		env, err := compute.ReadEnvironment(string(text))
		require.NoError(t, err)
		c, err := backendconfig.Parse(env)
		require.NoError(t, err, stack)

		output := func(name string) any { v, _ := g.RevealedOutput(name); return v }
		require.Equal(t, stack, c.Stack)
		require.Equal(t, input(t, only(t, g, "aws:apigateway/stage:Stage"), "stageName"), c.Stage)
		require.Equal(t, output("bucketName"), c.Bucket)
		require.Equal(t, output("databaseSecretArn"), c.DatabaseSecretARN)
		require.Equal(t, output("adminTokenSecretArn"), c.AdminTokenSecretARN)
		require.Equal(t, "scalable-backend-"+stack, c.MetricsNamespace, "a namespace of its own")
		require.Equal(t, ":8080", c.PublicAddr)
		require.Equal(t, ":8081", c.GatewayAddr)
		for _, group := range g.OfType("aws:lb/targetGroup:TargetGroup") {
			require.Contains(t, []any{8080.0, 8081.0}, input(t, group, "port"))
			require.Equal(t, "/healthz", input(t, group, "healthCheck", "path"))
		}
	}
}

// The agent's parser accepts the environment in the task definition.
func TestAgentReadsThePlannedEnvironment(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		task := only(t, g, "aws:ecs/taskDefinition:TaskDefinition")
		var containers []fargate.Container
		require.NoError(t, json.Unmarshal([]byte(input(t, task, "containerDefinitions").(string)), &containers))
		require.Len(t, containers, 1)
		env := map[string]string{}
		for _, v := range containers[0].Environment {
			env[v.Name] = v.Value
		}
		c, err := agentconfig.Parse(env)
		require.NoError(t, err, stack)

		api, _ := g.RevealedOutput("apiUrl")
		require.Equal(t, api, c.APIURL)
		require.Less(t, c.StopTimeout.Seconds(), float64(containers[0].StopTimeout), "the agent must stop before ECS kills it")
		require.Equal(t, "65532:65532", containers[0].User)
	}
}

// The agents' scaling reads the metrics that the backend emits, with the same dimension.
func TestScalingReadsTheBackendsMetrics(t *testing.T) {
	t.Parallel()
	policy := only(t, planned(t, "prod"), "aws:appautoscaling/policy:Policy")
	text, err := json.Marshal(policy.RevealedInputs)
	require.NoError(t, err)
	for _, want := range []string{metrics.QueueBacklog, metrics.AgentsSeen, "scalable-backend-prod",
		`"name":"` + metrics.DimensionStack + `"`} {
		require.Contains(t, string(text), want)
	}
}

// The load balancer writes its access log under the prefix that the log bucket's policy allows.
func TestAccessLogPrefix(t *testing.T) {
	t.Parallel()
	for _, lb := range planned(t, "prod").OfType("aws:lb/loadBalancer:LoadBalancer") {
		if prefix, ok := lb.Revealed("accessLogs", "prefix"); ok {
			require.Equal(t, storage.LoadBalancerLogPrefix, prefix)
			return
		}
	}
	t.Fatal("no load balancer has an access log")
}
