package proof

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	agentconfig "scalable-backend/services/agent/config"
	backendconfig "scalable-backend/services/backend/config"
)

// Another backend is reached on its own ports by both load balancers, by API Gateway and through the security groups.
func TestForeignBackendIsReached(t *testing.T) {
	t.Parallel()
	g := planned(t, "other")
	script := userData(t, g)
	environment, err := compute.ReadEnvironment(script)
	require.NoError(t, err)
	require.Equal(t, ":9000", environment["BACKEND_PUBLIC_ADDR"])
	require.Equal(t, ":9001", environment["BACKEND_GATEWAY_ADDR"])
	for name, port := range map[string]float64{"compute-public": 9000, "compute-gateway": 9001} {
		targets, ok := g.Find("aws:lb/targetGroup:TargetGroup", name)
		require.True(t, ok)
		require.Equal(t, port, input(t, targets, "port"))
		require.Equal(t, "/v1/health", input(t, targets, "healthCheck", "path"))
	}
	for _, item := range gatewayDocument(t, g).Paths {
		for _, o := range item {
			if o.Integration.URI != "" {
				require.Contains(t, o.Integration.URI, ":9001/")
			}
		}
	}
	var open []float64
	for _, r := range g.OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
		if strings.Contains(r.Name, "-to-backend-") {
			open = append(open, input(t, r, "fromPort").(float64))
		}
	}
	require.ElementsMatch(t, []float64{9000, 9001}, open)
	require.Contains(t, script, "--entrypoint /usr/bin/python3 ")
}

// What a backend may reach in the plan is what its writer is told, to the port.
func TestDocumentedReach(t *testing.T) {
	t.Parallel()
	text := section(t, "docs/bring-your-own.md", "### What it reaches", "### ")
	var told []float64
	for _, m := range regexp.MustCompile(`to port (\d+) of`).FindAllStringSubmatch(text, -1) {
		port, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		told = append(told, port)
	}
	g := planned(t, "other")
	open := map[float64]bool{}
	for _, r := range g.OfType("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") {
		if strings.HasPrefix(r.Name, "network-backend-to-") {
			require.Equal(t, input(t, r, "fromPort"), input(t, r, "toPort"), r.Name)
			open[input(t, r, "fromPort").(float64)] = true
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(open)), told)
	own, found := g.Find("aws:iam/policy:Policy", "compute-service")
	require.True(t, found)
	require.NotContains(t, input(t, own, "policy"), `"Resource":["*"]`, "a role for anything would need no statement more")
}

// A stack without agents has nothing that runs, builds or watches one; agents elsewhere find the API as before.
func TestNoAgents(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		with, g := planned(t, stack), plannedWith(t, stack, map[string]string{"fargate.enabled": "false"})
		for _, r := range g.Resources {
			for _, module := range []string{"aws:ecs/", "aws:appautoscaling/", "aws:efs/"} {
				require.False(t, strings.HasPrefix(r.Type, module), r.Key())
			}
			require.NotContains(t, r.Name, "agents-", r.Key())
			require.False(t, strings.HasPrefix(r.Name, "fargate"), r.Key())
		}
		_, built := g.Find("awsx:ecr:Image", "images-agent")
		require.False(t, built)
		_, repository := g.Find("awsx:ecr:Repository", "images-agent")
		require.True(t, repository, "a protected repository cannot go")
		missing := maps.Clone(with.Outputs)
		for name := range g.Outputs {
			delete(missing, name)
		}
		require.ElementsMatch(t, []string{"agentImage", "clusterName", "serviceName"}, slices.Collect(maps.Keys(missing)))
		groups, _ := g.RevealedOutput("logGroups")
		require.NotContains(t, groups, "agents")
		require.Equal(t, gatewayDocument(t, with), gatewayDocument(t, g))
	}
}

// Traces are settings of the services themselves: an owner gives them in the environment, and both services read them.
func TestTracesAreConfigured(t *testing.T) {
	t.Parallel()
	const collector = "https://collector.example.org/v1/traces"
	settings := map[string]string{}
	for _, tier := range []string{"compute", "fargate"} {
		settings[tier+".environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector
		settings[tier+".environment.OTEL_TRACES_SAMPLER_ARG"] = "0.5"
		settings[tier+".secrets.OTEL_EXPORTER_OTLP_HEADERS"] = ownSecret + ":headers"
	}
	settings["compute.environment.BACKEND_LOG_LEVEL"], settings["fargate.environment.AGENT_LOG_LEVEL"] = "debug", "debug"
	g := plannedWith(t, "dev", settings)
	backend, agent := backendSettings(t, g), agentSettings(t, g)
	require.Equal(t, collector, backend.TracesEndpoint)
	require.Equal(t, collector, agent.TracesEndpoint)
	require.InDelta(t, 0.5, backend.TracesRatio, 0)
	require.InDelta(t, 0.5, agent.TracesRatio, 0)
	require.Equal(t, "DEBUG", backend.LogLevel.String())
	require.Equal(t, "DEBUG", agent.LogLevel.String())
	require.Contains(t, userData(t, g), "\n  --env OTEL_EXPORTER_OTLP_HEADERS \\\n")
	require.Equal(t, "OTEL_EXPORTER_OTLP_HEADERS", agentContainer(t, g).Secrets[0].Name)
}

// What the infrastructure sets of a service is what it reads: an owner cannot set the same name, and nothing is set in vain.
func TestTheServicesReadWhatIsSet(t *testing.T) {
	t.Parallel()
	backend, err := compute.ReadEnvironment(userData(t, planned(t, "dev")))
	require.NoError(t, err)
	for name := range backend {
		require.Contains(t, backendconfig.Keys(), name)
		require.Error(t, compute.ValidateVariable(name), name)
	}
	for _, v := range agentContainer(t, planned(t, "dev")).Environment {
		require.Contains(t, agentconfig.Keys(), v.Name)
	}
}
