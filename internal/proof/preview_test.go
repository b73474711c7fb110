package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

// update returns what an update of a shipped stack changes when some keys change their values.
func update(t *testing.T, stack string, from, to map[string]string) *graph.Diff {
	t.Helper()
	before := planned(t, stack)
	if len(from) > 0 {
		before = plannedWith(t, stack, from)
	}
	_, diff, err := plan.Compare(t.Context(), before, configured(stack, to))
	require.NoError(t, err)
	return diff
}

// steps returns one line for each resource that an update changes: the action, the resource and the inputs that change.
func steps(d *graph.Diff) []string {
	var out []string
	for _, c := range d.Resources {
		if c.Action == graph.Keep {
			continue
		}
		inputs := map[string]bool{}
		for _, p := range c.Properties {
			if !p.Option && !p.Ignored {
				inputs[strings.FieldsFunc(p.Path, func(r rune) bool { return r == '.' || r == '[' })[0]] = true
			}
		}
		kind := c.Type[strings.LastIndex(c.Type, ":")+1:]
		out = append(out,
			strings.TrimSpace(fmt.Sprintf("%s %s %s: %s", c.Action, kind, c.Name, strings.Join(slices.Sorted(maps.Keys(inputs)), " "))))
	}
	return out
}

// Each update makes exactly the listed changes; it replaces no protected resource and deletes no resource before its
// replacement exists.
func TestUpdatesChangeWhatTheyShould(t *testing.T) {
	t.Parallel()
	for name, c := range updates() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := update(t, c.stack, c.from, c.to)
			require.ElementsMatch(t, c.want, steps(d))
			for _, change := range d.Resources {
				require.False(t, change.Refused(), change.Key())
				require.False(t, change.DeletedFirst, change.Key())
			}
		})
	}
}

// A permanent stack refuses to replace its VPC or to delete a subnet, because the data in them could not move.
func TestNetworkIsProtected(t *testing.T) {
	t.Parallel()
	refused := func(stack, key, value string) (kinds map[string]int) {
		kinds = map[string]int{}
		for _, c := range update(t, stack, nil, setting(key, value)).Resources {
			if c.Refused() {
				kinds[c.Type]++
			}
		}
		return kinds
	}
	require.Equal(t, map[string]int{"aws:ec2/vpc:Vpc": 1, "aws:ec2/subnet:Subnet": 12}, refused("prod", "network.cidr", "10.11.0.0/16"))
	require.Equal(t, map[string]int{"aws:ec2/subnet:Subnet": 4}, refused("prod", "network.azCount", "2"))
	require.Empty(t, refused("dev", "network.cidr", "10.11.0.0/16"), "dev is disposable, so nothing may be refused")
}

// RDS upgrades to minor versions by itself. No input names one, otherwise the next update would be a downgrade.
func TestMinorVersionsAreLeftToRDS(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		for _, r := range planned(t, stack).OfType("aws:rds/instance:Instance") {
			if version, ok := r.Get("engineVersion"); ok { // a replica has the version of its source
				require.Equal(t, "17", version, r.Key())
			}
			require.Equal(t, true, input(t, r, "autoMinorVersionUpgrade"), r.Key())
		}
		require.True(t, update(t, stack, nil, nil).Empty(), "an update without changes")
	}
	_, err := plan.Run(t.Context(), configured("prod", setting("database.engineVersion", "17.6")))
	require.ErrorContains(t, err, "database.engineVersion")
}

// A new tag updates nearly every resource and replaces none, also where resources are protected.
func TestTagsReplaceNothing(t *testing.T) {
	t.Parallel()
	d := update(t, "prod", nil, map[string]string{"stack.tags.team": "payments"})
	require.Empty(t, d.Keys(graph.Create, graph.Delete, graph.Replace))
	require.Greater(t, len(d.Keys(graph.Update)), 100)
}

// A newer Amazon Linux image must not replace instances; only a release or an image that the configuration names does.
func TestNewerMachineImagesAreIgnored(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		copied := only(t, planned(t, stack), "aws:ec2/amiCopy:AmiCopy")
		require.ElementsMatch(t, []string{"sourceAmiId", "description"}, copied.IgnoreChanges)
		moved := []string{
			"update Group compute-group: " + map[string]string{"dev": "mixedInstancesPolicy", "prod": "launchTemplate"}[stack],
			"update LaunchTemplate compute-instance-arm64: imageId",
		}
		require.ElementsMatch(t, append([]string{"replace AmiCopy compute-image-arm64: description sourceAmiId"}, moved...),
			steps(update(t, stack, nil, setting("compute.release", "2023.9.20251117"))))
		require.ElementsMatch(t, append([]string{"delete AmiCopy compute-image-arm64:"}, moved...),
			steps(update(t, stack, nil, setting("compute.amiId", "ami-0123456789abcdef0"))))
		// Back to no release: what was copied stays.
		require.Empty(t, steps(update(t, stack, setting("compute.release", "2023.9.20251117"), setting("compute.release", ""))))
	}
	require.Contains(t, steps(update(t, "dev", setting("network.nat", "instance"), map[string]string{
		"network.nat": "instance", "compute.release": "2023.9.20251117",
	})), "replace Instance network-nat: ami")
}

// Secrets that an owner has made.
const (
	ownSecret   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:payments-AbCdEf"
	otherSecret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mail-GhIjKl"
)

// optionSettings are settings that change which resources the program registers.
var optionSettings = map[string]struct {
	stack     string
	overrides map[string]string
}{
	"NAT instance":                   {"dev", map[string]string{"network.nat": "instance"}},
	"gateway per zone":               {"dev", map[string]string{"network.nat": "one-per-az", "network.azCount": "3"}},
	"four zones":                     {"prod", map[string]string{"network.azCount": "4"}},
	"no flow logs":                   {"dev", map[string]string{"network.flowLogs": "false"}},
	"HTTPS":                          {"dev", withCertificate(map[string]string{"compute.allowedCidrs[0]": "0.0.0.0/0"})},
	"a hosted zone":                  {"dev", inZone(map[string]string{"compute.allowedCidrs[0]": "0.0.0.0/0"})},
	"a zone for a given certificate": {"prod", setting("compute.hostedZoneId", hostedZoneID)},
	"on demand":                      {"dev", map[string]string{"compute.spot": "false", "fargate.spotWeight": "0"}},
	"Spot":                           {"prod", map[string]string{"compute.spot": "true"}},
	"a machine image":                {"prod", map[string]string{"compute.amiId": "ami-0123456789abcdef0"}},
	"a release":                      {"prod", map[string]string{"compute.release": "2023.9.20251117"}},
	"unlimited credits":              {"dev", map[string]string{"compute.cpuCredits": "unlimited"}},
	"given images": {"prod", map[string]string{
		"images.backend": digest("backend", "a"), "images.agent": digest("agent", "a"),
	}},
	"persistent storage": {"prod", map[string]string{"fargate.persistentStorage": "true"}},
	"replicas":           {"prod", map[string]string{"database.replicas": "2"}},
	"another backend": {"prod", map[string]string{
		"compute.port": "9000", "compute.gatewayPort": "9001", "compute.healthPath": "/v1/health", "compute.user": "1000:1000",
		"compute.command[0]": "/usr/bin/python3", "compute.command[1]": "/app/server.py", "compute.environment.LOG_FORMAT": "json",
		"compute.secrets.PAYMENTS_KEY": ownSecret + ":key", "compute.stopSeconds": "120", "compute.memory": "512",
		"compute.writablePaths[0]": "/var/cache/app", "monitoring.serviceMetrics": "false",
	}},
	"another agent": {"prod", map[string]string{
		"fargate.command[0]": "/app", "fargate.healthCommand[0]": "/healthy", "fargate.environment.LOG_FORMAT": "json",
		"fargate.secrets.PAYMENTS_KEY": ownSecret + ":key", "fargate.user": "1000:1000", "fargate.writablePaths[0]": "/var/cache/app",
	}},
	"no agents":         {"prod", map[string]string{"fargate.enabled": "false"}},
	"agents from zero":  {"dev", map[string]string{"fargate.minTasks": "0", "fargate.desiredTasks": "0"}},
	"another API owner": {"prod", map[string]string{"api.manageAccountLogging": "false"}},
	"boundary and tags": {"prod", map[string]string{
		"stack.permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary", "stack.tags.team": "payments",
	}},
	"every guard": {"dev", map[string]string{
		"monitoring.waf": "true", "monitoring.guardDuty": "true", "monitoring.awsConfig": "true", "monitoring.inspector": "true",
		"monitoring.alertEmails[0]": "ops@example.com",
	}},
}

// A first preview, without known outputs, registers the same resources: no output may decide which resources exist. Turning an
// option on or off replaces nothing protected; only an additional zone cannot be removed again in production.
func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range optionSettings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := configured(o.stack, o.overrides)
			shaped, on, err := plan.Compare(t.Context(), planned(t, o.stack), at)
			require.NoError(t, err)
			require.NotEmpty(t, steps(on), "the option changes nothing")
			off := graph.NewDiff(shaped, planned(t, o.stack))
			for _, c := range slices.Concat(on.Resources, off.Resources) {
				stays := o.stack == "prod" && c.Action == graph.Delete && c.Type == "aws:ec2/subnet:Subnet"
				require.Equal(t, stays, c.Refused(), c.Key())
			}
			at.Unknown = true
			unknown, err := plan.Run(t.Context(), at)
			require.NoError(t, err)
			require.Empty(t, graph.NewDiff(shaped, unknown).Keys(graph.Create, graph.Delete), "a first preview registers other resources")
			for _, r := range shaped.Resources {
				if r.Custom && !r.Remote {
					require.True(t, graph.Reviewed(r.Type), "add to internal/graph/replaces.go which inputs replace a %s", r.Type)
				}
			}
		})
	}
}
