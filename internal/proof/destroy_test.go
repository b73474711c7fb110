package proof

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/system"
)

// kept returns the resources of a graph that a destroy refuses to delete (protected) or leaves behind (retained).
func kept(g *plan.Graph) (protected, retained []string) {
	for _, r := range g.Resources {
		if r.Protect {
			protected = append(protected, r.Key())
		}
		// An image build is not an AWS resource: retaining it only leaves the image in the repository.
		if r.RetainOnDelete && !strings.HasPrefix(r.Type, "awsx:ecr:Image") && !strings.HasPrefix(r.Type, "docker-build:") {
			retained = append(retained, r.Key())
		}
	}
	return protected, retained
}

// regional lists what stays after every destroy: the region's API Gateway logging, which other APIs may use.
var regional = []string{
	"aws:apigateway/account:Account::api-account",
	"aws:iam/role:Role::api-logging-role",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment::api-logging-policy",
}

// destroyInputs are the inputs that decide what a destroy does with resources that hold data, with their values in a disposable
// stack and in a permanent one. Resources of optional types need not exist.
var destroyInputs = []struct {
	token, property       string
	disposable, permanent any
}{
	{token: "aws:rds/instance:Instance", property: "skipFinalSnapshot", disposable: true, permanent: false},
	{token: "aws:rds/instance:Instance", property: "deletionProtection", disposable: false, permanent: true},
	{token: "aws:rds/instance:Instance", property: "deleteAutomatedBackups", disposable: true, permanent: false},
	{token: "aws:s3/bucketV2:BucketV2", property: "forceDestroy", disposable: true, permanent: false},
	{token: "awsx:ecr:Repository", property: "forceDelete", disposable: true, permanent: false},
	{token: "aws:secretsmanager/secret:Secret", property: "recoveryWindowInDays", disposable: 0.0, permanent: 30.0},
	{token: "aws:kms/key:Key", property: "deletionWindowInDays", disposable: 7.0, permanent: 30.0},
	{token: "aws:lb/loadBalancer:LoadBalancer", property: "enableDeletionProtection", disposable: false, permanent: true},
	{token: "aws:autoscaling/group:Group", property: "forceDelete", disposable: true, permanent: false},
	{token: "aws:ecs/service:Service", property: "forceDelete", disposable: true, permanent: false},
	{token: "aws:ecs/taskDefinition:TaskDefinition", property: "skipDestroy", disposable: false, permanent: true},
}

func requireDestroyInputs(t *testing.T, g *plan.Graph, disposable bool) {
	t.Helper()
	for _, e := range destroyInputs {
		found := 0
		for _, r := range g.OfType(e.token) {
			if strings.HasPrefix(r.Name, "database-replica-") {
				continue // a replica holds no data of its own
			}
			found++
			want := e.permanent
			if disposable {
				want = e.disposable
			}
			require.Equal(t, want, input(t, r, e.property), "%s %s", r.Key(), e.property)
		}
		require.NotZero(t, found, e.token)
	}
}

// A destroy of dev leaves only the regional resources, with any options, and already after the first update: a destroy uses
// the inputs in the state.
func TestDevLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"as it is": nil, "everything": everything(nil),
		"a NAT instance": {"network.nat": "instance"}} {
		t.Run(name, func(t *testing.T) {
			g := plannedWith(t, "dev", settings)
			protected, retained := kept(g)
			require.Empty(t, protected)
			require.ElementsMatch(t, regional, retained)
			requireDestroyInputs(t, g, true)
			instance, _ := g.Find("aws:rds/instance:Instance", "database-instance")
			_, has := instance.Get("finalSnapshotIdentifier")
			require.False(t, has)
		})
	}
	_, retained := kept(plannedWith(t, "dev", map[string]string{"api.manageAccountLogging": "false"}))
	require.Empty(t, retained)
}

// A destroy of prod is refused: each resource that holds data is protected, and so are the keys, the VPC and its subnets. The
// data key is retained even after a forced destroy, because the final snapshot and the backups are encrypted with it.
func TestProdRefusesToBeDestroyed(t *testing.T) {
	t.Parallel()
	for _, settings := range []map[string]string{nil, everything(nil)} {
		g := plannedWith(t, "prod", settings)
		protected, retained := kept(g)
		want := []string{
			"aws:kms/key:Key::alerts-key", "aws:kms/key:Key::storage-data", "aws:kms/key:Key::storage-logs",
			"aws:rds/instance:Instance::database-instance", "aws:s3/bucketV2:BucketV2::storage-data", "aws:ec2/vpc:Vpc::network-vpc",
			"aws:ecr/repository:Repository::images-agent", "aws:ecr/repository:Repository::images-backend", system.LockToken + "::lock",
		}
		for _, subnet := range g.OfType("aws:ec2/subnet:Subnet") {
			want = append(want, subnet.Key())
		}
		require.ElementsMatch(t, want, protected)
		require.ElementsMatch(t, append([]string{"aws:kms/key:Key::storage-data"}, regional...), retained)
		requireDestroyInputs(t, g, false)
		instance, _ := g.Find("aws:rds/instance:Instance", "database-instance")
		require.Equal(t, input(t, instance, "identifier").(string)+"-final", input(t, instance, "finalSnapshotIdentifier"))
	}
	// The configuration cannot make a production stack disposable, so the runbook's steps must not need that.
	_, err := plan.Run(t.Context(), configured("prod", setting("database.deletionProtection", "false")))
	require.ErrorContains(t, err, "database.deletionProtection")
	text, err := os.ReadFile(root + "/docs/runbook.md")
	require.NoError(t, err)
	_, steps, found := strings.Cut(string(text), "\n### Destroy\n")
	require.True(t, found)
	for _, step := range []string{"--skip-preview", "--no-deletion-protection", "deletion_protection.enabled", "pulumi state unprotect --all",
		"pulumi destroy",
		"-final", "RDSOSMetrics", "/aws/apigateway/welcome"} {
		require.Contains(t, steps, step)
	}
}

// deleted are the resources that `pulumi destroy --skip-preview` takes, in whatever order it comes to them. It deletes a resource
// after those that depend on it, in parallel. A protected one is refused when its turn comes; the engine goes on with the rest, and
// leaves alone what the refused one depends on: its parent, its inputs' and its options' dependencies, and theirs (pulumi/pkg,
// resource/deploy: DeleteStep.Apply, executeChain and performPostSteps; resource/graph: TransitiveDependenciesOf). Children of a
// remote component do not count as what it depends on.
func deleted(g *plan.Graph) []string {
	byKey := map[string]plan.Resource{}
	var open []string
	for _, r := range g.Resources {
		byKey[r.Key()] = r
		if r.Protect {
			open = append(open, r.Key())
		}
	}
	stays := map[string]bool{}
	for ; len(open) > 0; open = open[1:] {
		r, known := byKey[open[0]]
		if !known || stays[open[0]] {
			continue // the stack itself, or seen before
		}
		stays[open[0]] = true
		open = append(append(open, r.Parent), r.DependsOn...)
		for _, keys := range r.PropertyDependencies {
			open = append(open, keys...)
		}
	}
	var gone []string
	for _, r := range g.Resources {
		if r.Custom && !r.RetainOnDelete && !stays[r.Key()] {
			gone = append(gone, r.Key())
		}
	}
	return gone
}

// A stack that kept its data is made one to throw away by its configuration: the update takes every protection off.
func TestProtectionEndsWithAnUpdate(t *testing.T) {
	t.Parallel()
	d := update(t, "dev", setting("database.deletionProtection", "true"), setting("database.deletionProtection", "false"))
	require.NotEmpty(t, d.Resources)
	for _, c := range d.Resources {
		require.False(t, c.Refused(), c.Key())
	}
}

// With the preview skipped nobody asks before the first deletion. What goes all the same is the rule that bounds a repository, and
// the next update makes it again.
func TestDestroyWithoutPreviewTakesNothingThatServes(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"as it is": nil, "everything": everything(nil),
		"replicas and files": {"database.replicas": "2", "fargate.persistentStorage": "true"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := plannedWith(t, "prod", settings)
			require.ElementsMatch(t, []string{
				"aws:ecr/lifecyclePolicy:LifecyclePolicy::images-agent", "aws:ecr/lifecyclePolicy:LifecyclePolicy::images-backend",
			}, deleted(g))
			// The walk sees what the lock is there for: without it the group, the service and the API would go.
			unlocked := *g
			unlocked.Resources = slices.DeleteFunc(slices.Clone(g.Resources), func(r plan.Resource) bool { return r.Type == system.LockToken })
			gone := deleted(&unlocked)
			require.Greater(t, len(gone), 100)
			require.Subset(t, gone, []string{"aws:autoscaling/group:Group::compute-group", "aws:ecs/service:Service::fargate-agent",
				"aws:apigateway/stage:Stage::api-stage", "aws:s3/bucketPolicy:BucketPolicy::storage-data"})
		})
	}
	dev := planned(t, "dev")
	require.Len(t, deleted(dev), len(slices.DeleteFunc(slices.Clone(dev.Resources), func(r plan.Resource) bool {
		return !r.Custom || r.RetainOnDelete
	})))
}
