package proof

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/compute"
	"scalable-backend/internal/plan"
	agentconfig "scalable-backend/services/agent/config"
	"scalable-backend/services/api"
	backendconfig "scalable-backend/services/backend/config"
)

// backendSettings returns the planned environment, parsed by the backend's code.
func backendSettings(t *testing.T, g *plan.Graph) backendconfig.Config {
	t.Helper()
	env, err := compute.ReadEnvironment(userData(t, g))
	require.NoError(t, err)
	c, err := backendconfig.Parse(env)
	require.NoError(t, err)
	return c
}

// agentSettings returns the planned environment, parsed by the agent's code.
func agentSettings(t *testing.T, g *plan.Graph) agentconfig.Config {
	t.Helper()
	env := map[string]string{}
	for _, v := range agentContainer(t, g).Environment {
		env[v.Name] = v.Value
	}
	c, err := agentconfig.Parse(env)
	require.NoError(t, err)
	return c
}

// Each load balancer sends requests to the port on which the backend listens for it, and checks health on a path that needs
// no authentication.
func TestPortsAndHealthPaths(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		c := backendSettings(t, w.g)
		want := map[string]string{"application": c.PublicAddr, "network": c.GatewayAddr}
		for _, listener := range w.g.OfType("aws:lb/listener:Listener") {
			target, ok := listener.Revealed("defaultActions", 0, "targetGroupArn")
			if !ok {
				continue // a redirect
			}
			balancer := w.byARN("aws:lb/loadBalancer:LoadBalancer", input(t, listener, "loadBalancerArn").(string))
			kind := input(t, balancer, "loadBalancerType").(string)
			group := w.byARN("aws:lb/targetGroup:TargetGroup", target.(string))
			require.Equal(t, want[kind], fmt.Sprintf(":%v", input(t, group, "port")), "%s: port of the %s load balancer", stack, kind)
			if kind == "network" {
				require.Equal(t, input(t, group, "port"), input(t, listener, "port"), "API Gateway's document names this port")
			}
			require.Equal(t, "traffic-port", input(t, group, "healthCheck", "port"))
			check := "GET " + input(t, group, "healthCheck", "path").(string)
			require.True(t, documented(t)[check].Anonymous, "%s: %s needs authentication or does not exist", group.Key(), check)
			delete(want, kind)
		}
		// With a certificate the HTTP listener redirects, without one it forwards; each load balancer has one that forwards.
		require.Empty(t, want, "%s: no listener forwards on these load balancers", stack)
	}
}

// The secrets contain the keys that the backend reads, with values of the planned resources.
func TestSecretsHoldWhatTheBackendReads(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		c := backendSettings(t, w.g)
		held := map[string]map[string]any{}
		for _, v := range w.g.OfType("aws:secretsmanager/secretVersion:SecretVersion") {
			var document map[string]any
			require.NoError(t, json.Unmarshal([]byte(input(t, v, "secretString").(string)), &document), v.Key())
			held[input(t, v, "secretId").(string)] = document
		}
		for arn, reader := range map[string]string{c.DatabaseSecretARN: "databaseSecret", c.AdminTokenSecretARN: "adminToken"} {
			require.Contains(t, held, arn)
			for _, key := range jsonKeys(t, "backend/server", reader) {
				require.NotEmpty(t, held[arn][key], "%s: %s reads the key %q, but the secret has %v", stack, reader, key, held[arn])
			}
		}
		database := held[c.DatabaseSecretARN]
		instance, ok := w.g.Find("aws:rds/instance:Instance", "database-instance")
		require.True(t, ok)
		_, out := w.shaped(instance)
		require.Equal(t, out["address"].StringValue(), database["host"])
		require.Equal(t, input(t, instance, "port"), database["port"])
		require.Equal(t, input(t, instance, "dbName"), database["dbname"])
		require.Equal(t, input(t, instance, "username"), database["username"])
		require.Equal(t, input(t, instance, "password"), database["password"])
		require.GreaterOrEqual(t, len(held[c.AdminTokenSecretARN]["token"].(string)), 16)
	}
}

// Everything that writes to or reads from a log group uses the right planned one.
func TestLogGroups(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		names := map[string]string{} // logical to physical
		for _, r := range w.g.OfType("aws:cloudwatch/logGroup:LogGroup") {
			_, out := w.shaped(r)
			names[r.Name] = out["name"].StringValue()
		}
		script, p := userData(t, w.g), w.fixture()
		require.Equal(t, names["compute-logs"], p.backendLogs)
		require.Equal(t, names["compute-logs"], between(t, script, `"log_group_name": "`, `"`))
		require.Equal(t, names["fargate-logs"], p.agentLogs)
		require.Equal(t, w.region, agentContainer(t, w.g).LogConfiguration.Options["awslogs-region"])
		require.Equal(t, w.region, between(t, script, "--log-opt awslogs-region=", " "))

		dashboard := input(t, only(t, w.g, "aws:cloudwatch/dashboard:Dashboard"), "dashboardBody").(string)
		for _, group := range []string{p.backendLogs, p.agentLogs} {
			require.Contains(t, dashboard, "SOURCE '"+group+"'")
		}
		require.Equal(t, 2, strings.Count(dashboard, "SOURCE '"))
		stage := only(t, w.g, "aws:apigateway/stage:Stage")
		require.Equal(t, fmt.Sprintf("API-Gateway-Execution-Logs_%s/%s", input(t, stage, "restApi"), input(t, stage, "stageName")),
			names["api-execution-log"])
		physical := map[string]bool{}
		for _, name := range names {
			physical[name] = true
		}
		for _, r := range w.g.OfType("aws:rds/instance:Instance") {
			for _, export := range input(t, r, "enabledCloudwatchLogsExports").([]any) {
				require.True(t, physical[fmt.Sprintf("/aws/rds/instance/%s/%s", input(t, r, "identifier"), export)], "%s: %s of %s", stack, export,
					r.Key())
			}
		}
		if cluster := only(t, w.g, "aws:ecs/cluster:Cluster"); input(t, cluster, "settings", 0, "value") == "enabled" {
			_, out := w.shaped(cluster)
			require.True(t, physical["/aws/ecs/containerinsights/"+out["name"].StringValue()+"/performance"])
		}
	}
}

func asSeconds(t *testing.T, value any) time.Duration {
	t.Helper()
	n, ok := value.(float64)
	require.True(t, ok, "%v is not a number", value)
	return time.Duration(n) * time.Second
}

// Each timeout is longer than those inside it: the gateway waits longer than the backend works, for example.
func TestTimeoutOrder(t *testing.T) {
	t.Parallel()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Maximum int }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(api.Document, &document))
	poll := time.Duration(document.Components.Schemas["LeaseRequest"].Properties["wait_s"].Maximum) * time.Second
	require.Positive(t, poll)
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		c, script := backendSettings(t, g), userData(t, g)
		number := func(begin, end string) time.Duration {
			n, err := strconv.Atoi(between(t, script, begin, end))
			require.NoError(t, err)
			return time.Duration(n) * time.Second
		}
		var gateway time.Duration
		for _, item := range gatewayDocument(t, g).Paths {
			for _, o := range item {
				gateway = time.Duration(o.Integration.Timeout) * time.Millisecond
				require.Less(t, backendconfig.RequestTimeout, gateway, "the backend must answer before the gateway's timeout")
			}
		}
		less := func(name string, a time.Duration, other string, b time.Duration) {
			require.Less(t, a, b, "%s: %s must be shorter than %s", stack, name, other)
		}
		less("a long poll", poll, "the backend's request timeout", backendconfig.RequestTimeout)
		less("the gateway's timeout", gateway, "the agent's timeout of one try", sourceDuration(t, "client", "longestTry"))
		less("the gateway's timeout", gateway, "the server's write timeout", backendconfig.WriteTimeout)
		for _, group := range g.OfType("aws:lb/targetGroup:TargetGroup") {
			deregistration := asSeconds(t, input(t, group, "deregistrationDelay"))
			less("the gateway's timeout", gateway, "the deregistration delay", deregistration)
			require.LessOrEqual(t, backendconfig.WriteTimeout, deregistration, "requests must end within the deregistration delay")
			less("the deregistration delay", deregistration, "the backend's drain timeout", c.DrainTimeout)
		}
		stop := number("--stop-timeout ", " ")
		require.Equal(t, stop, number("ExecStop=/usr/bin/docker stop --time ", " "))
		less("the backend's drain timeout", c.DrainTimeout, "the container's stop timeout", stop)
		less("the container's stop timeout", stop, "the systemd unit's stop timeout", number("TimeoutStopSec=", "\n"))
		for _, balancer := range g.OfType("aws:lb/loadBalancer:LoadBalancer") {
			if idle, ok := balancer.Revealed("idleTimeout"); ok {
				less("the load balancer's idle timeout", asSeconds(t, idle), "the backend's idle timeout", backendconfig.IdleTimeout)
				less("the gateway's timeout", gateway, "the load balancer's idle timeout", asSeconds(t, idle))
			}
		}
		container := agentContainer(t, g)
		granted := time.Duration(container.StopTimeout) * time.Second
		less("the agent's stop timeout", agentSettings(t, g).StopTimeout, "the container's stop timeout", granted)
		require.LessOrEqual(t, granted, 2*time.Minute, "Fargate's limit")
		check := time.Duration(container.HealthCheck.Interval*container.HealthCheck.Retries) * time.Second
		less("the interval of the agent's health file", sourceDuration(t, "agent/runner", "healthEvery"), "the age that healthcheck accepts",
			sourceDuration(t, "agent/runner", "healthAge"))
		require.GreaterOrEqual(t, check, sourceDuration(t, "agent/runner", "healthAge"), "ECS must not stop a healthy agent")
	}
}

// dockerfile returns the text of the Dockerfile from which the plan builds an image.
func dockerfile(t *testing.T, g *plan.Graph, image string) string {
	t.Helper()
	r, ok := g.Find("awsx:ecr:Image", image)
	require.True(t, ok)
	context := input(t, r, "context").(string)
	require.DirExists(t, filepath.Join(root, context))
	content, err := os.ReadFile(filepath.Join(root, input(t, r, "dockerfile").(string)))
	require.NoError(t, err)
	return string(content)
}

func instruction(t *testing.T, dockerfile, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^`+name+` (.*)$`).FindAllStringSubmatch(dockerfile, -1)
	require.Len(t, m, 1, "%s in\n%s", name, dockerfile)
	return m[0][1]
}

// The agent's user can write to its data, output and health directories, on temporary and persistent volumes.
func TestAgentOwnsItsVolumes(t *testing.T) {
	t.Parallel()
	g := plannedWith(t, "prod", map[string]string{"fargate.persistentStorage": "true"})
	container, c := agentContainer(t, g), agentSettings(t, g)
	file := dockerfile(t, g, "images-agent")
	require.Equal(t, container.User, instruction(t, file, "USER"))
	require.Equal(t, fmt.Sprintf("[%q]", container.EntryPoint[0]), instruction(t, file, "ENTRYPOINT"))
	var volumes, mounted []string
	require.NoError(t, json.Unmarshal([]byte(instruction(t, file, "VOLUME")), &volumes))
	for _, m := range container.MountPoints {
		require.False(t, m.ReadOnly, m.ContainerPath)
		mounted = append(mounted, m.ContainerPath)
	}
	require.ElementsMatch(t, volumes, mounted, "a mounted path that is not a VOLUME of the image belongs to root")
	user, group, _ := strings.Cut(container.User, ":")
	for _, volume := range volumes {
		require.Regexp(t, `install -d -o `+user+` -g `+group+` -m [0-7]+ /rootfs`+volume+` `, file)
	}
	require.True(t, container.ReadonlyRoot)
	for _, written := range []string{c.DataDir, c.OutputDir, path.Dir(c.HealthFile)} {
		require.True(t, slices.ContainsFunc(mounted, func(m string) bool {
			return written == m || strings.HasPrefix(written, m+"/")
		}), "%s is not on a volume", written)
	}
	point := only(t, g, "aws:efs/accessPoint:AccessPoint")
	require.Equal(t, container.User, fmt.Sprintf("%v:%v", input(t, point, "posixUser", "uid"), input(t, point, "posixUser", "gid")))
	require.Equal(t, container.User, fmt.Sprintf("%v:%v",
		input(t, point, "rootDirectory", "creationInfo", "ownerUid"), input(t, point, "rootDirectory", "creationInfo", "ownerGid")))
	volume := input(t, only(t, g, "aws:ecs/taskDefinition:TaskDefinition"), "volumes", 0)
	require.Equal(t, container.MountPoints[0].SourceVolume, volume.(map[string]any)["name"])
	require.Equal(t, c.DataDir, container.MountPoints[0].ContainerPath)
}

// The images have the user, ports, certificates and architecture that instances and tasks expect.
func TestImagesFitTheirContainers(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		script, c := userData(t, g), backendSettings(t, g)
		file := dockerfile(t, g, "images-backend")
		require.Equal(t, instruction(t, file, "USER"), between(t, script, "--user ", " "))
		require.Contains(t, file, path.Base(c.DatabaseCAFile)+" /rootfs"+path.Dir(c.DatabaseCAFile)+"/ ",
			"the image must contain the CA certificates for the database")
		require.Equal(t, strings.TrimPrefix(c.PublicAddr, ":")+" "+strings.TrimPrefix(c.GatewayAddr, ":"), instruction(t, file, "EXPOSE"))
		platform := "linux/" +
			strings.ToLower(input(t, only(t, g, "aws:ecs/taskDefinition:TaskDefinition"), "runtimePlatform", "cpuArchitecture").(string))
		for _, image := range g.OfType("awsx:ecr:Image") {
			require.Equal(t, platform, input(t, image, "platform"), image.Key())
		}
	}
}

// Agents may download only from the bucket's host.
func TestAgentsDownloadFromTheBucket(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		c, b := agentSettings(t, g), backendSettings(t, g)
		require.Equal(t, []string{b.Bucket + ".s3." + b.Region + ".amazonaws.com"}, c.SourceHosts)
		require.Equal(t, agentconfig.AuthSigV4, c.Auth)
		require.Equal(t, b.Region, c.Region)
		require.Equal(t, b.Stage, path.Base(c.APIURL))
	}
}
