package rollout_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// byVersion answers DescribeLaunchTemplateVersions as AWS does: the newest is 7, and 5 was never deployed.
func byVersion(w *world) {
	w.aws.On("DescribeLaunchTemplateVersions", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		switch {
		case c.Form.Get("LaunchTemplateVersion.1") == "$Latest", c.Form.Get("LaunchTemplateVersion.1") == "7":
			return templateVersion(7, "7")
		case c.Form.Get("LaunchTemplateVersion.1") == "6":
			return templateVersion(6, "6")
		case c.Form.Get("LaunchTemplateVersion.1") == "4":
			return templateVersion(4, "4")
		case c.Form.Get("MaxVersion") == "6":
			return opstest.Answer{Body: "<launchTemplateVersionSet>" + versionItem(6, "6") + versionItem(5, "5") + "</launchTemplateVersionSet>"}
		case c.Form.Get("MaxVersion") == "0":
			return opstest.Answer{Body: "<launchTemplateVersionSet></launchTemplateVersionSet>"}
		}
		return opstest.Answer{Code: "InvalidLaunchTemplateId.VersionNotFound", Message: "Could not find the specified version"}
	}})
}

// backTo6 is a rollback that goes well: the group launches version 6 from the second look on.
func backTo6(w *world) {
	byVersion(w)
	bad := []instance{in("d", 7), in("b", 6), in("c", 6)}
	w.aws.On("DescribeAutoScalingGroups", group(7, bad...), group(6, bad...), group(6, in("e", 6), in("b", 6), in("c", 6)))
	w.aws.On("DescribeInstanceRefreshes", refresh("Failed", "bad", 0), refresh("InProgress", "", 0), refresh("Successful", "", 100))
	w.aws.On("UpdateAutoScalingGroup", opstest.Answer{})
	w.aws.On("StartInstanceRefresh", opstest.Answer{Body: "<InstanceRefreshId>r-2</InstanceRefreshId>"})
	w.aws.On("DescribeTargetHealth", health("e", "b", "c"))
}

// deployedBefore is the service's history: revision 10 was deployed before 12, and 11 never succeeded.
func deployedBefore(w *world) {
	w.aws.On("ListServiceDeployments", opstest.Answer{Body: text(map[string]any{"serviceDeployments": []any{
		map[string]any{
			"serviceDeploymentArn":     "d-1",
			"status":                   "SUCCESSFUL",
			"createdAt":                seconds("01:00:00"),
			"targetServiceRevisionArn": "s-10",
		},
		map[string]any{
			"serviceDeploymentArn":     "d-2",
			"status":                   "ROLLBACK_SUCCESSFUL",
			"createdAt":                seconds("02:00:00"),
			"targetServiceRevisionArn": "s-11",
		},
		map[string]any{
			"serviceDeploymentArn":     "d-3",
			"status":                   "SUCCESSFUL",
			"createdAt":                seconds("03:00:00"),
			"targetServiceRevisionArn": "s-12",
		},
	}})})
	w.aws.On("DescribeServiceRevisions", opstest.Answer{Body: text(map[string]any{"serviceRevisions": []any{
		map[string]any{
			"serviceRevisionArn": "s-10",
			"taskDefinition":     task(10),
		},
		map[string]any{"serviceRevisionArn": "s-12", "taskDefinition": task(12)},
	}})})
}

// backTo10 is a rollback of the agents that goes well.
func backTo10(w *world) {
	deployedBefore(w)
	w.aws.On("DescribeTaskDefinition", taskDefinition(10, "a"))
	w.aws.On("UpdateService", opstest.Answer{})
	w.aws.On("DescribeServices",
		service(12, deployment("PRIMARY", 12, "COMPLETED", 2, 2, "")),
		service(10, deployment("PRIMARY", 10, "IN_PROGRESS", 2, 0, ""), deployment("ACTIVE", 12, "COMPLETED", 2, 2, "")),
		service(10, deployment("PRIMARY", 10, "COMPLETED", 2, 2, "")))
	w.aws.On("DescribeTasks", tasks(running(10, "a"), running(10, "a")))
}

// spot is the group of a stack with compute.spot.
func spot(launches int, instances ...instance) opstest.Answer {
	return groupOf(fmt.Sprintf("<MixedInstancesPolicy><InstancesDistribution><OnDemandBaseCapacity>1</OnDemandBaseCapacity>"+
		"<OnDemandPercentageAboveBaseCapacity>0</OnDemandPercentageAboveBaseCapacity>"+
		"<SpotAllocationStrategy>price-capacity-optimized</SpotAllocationStrategy>"+
		"</InstancesDistribution><LaunchTemplate><LaunchTemplateSpecification><LaunchTemplateId>lt-1</LaunchTemplateId>"+
		"<LaunchTemplateName>n</LaunchTemplateName><Version>%d</Version></LaunchTemplateSpecification></LaunchTemplate></MixedInstancesPolicy>",
		launches),
		instances...)
}

var rollbacks = []struct {
	name   string
	args   string
	status int
	set    func(*world)
	calls  []string // that change something
}{
	{
		"rollback",
		"-doors=false",
		0,
		func(w *world) { backTo6(w); backTo10(w) },
		[]string{"UpdateAutoScalingGroup", "StartInstanceRefresh", "UpdateService"},
	},
	{"rollback-dry-run", "-dry-run", 0, func(w *world) { backTo6(w); backTo10(w) }, nil},
	{"rollback-dry-run-spot", "-only backend -dry-run", 0, func(w *world) {
		byVersion(w)
		w.aws.On("DescribeAutoScalingGroups", spot(7, in("a", 7), in("b", 7), in("c", 7)))
		w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 90))
	}, nil},
	{"rollback-ends-the-refresh", "-only backend -doors=false", 0, func(w *world) {
		backTo6(w)
		w.aws.On("DescribeInstanceRefreshes", refresh("InProgress", "", 20), refresh("InProgress", "", 0), refresh("Successful", "", 100))
		w.aws.On("CancelInstanceRefresh", opstest.Answer{})
		busy := opstest.Answer{
			Code:    "InstanceRefreshInProgress",
			Message: "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
		}
		w.aws.On("StartInstanceRefresh", busy, busy, opstest.Answer{Body: "<InstanceRefreshId>r-2</InstanceRefreshId>"})
	}, []string{"CancelInstanceRefresh", "UpdateAutoScalingGroup", "StartInstanceRefresh", "StartInstanceRefresh", "StartInstanceRefresh"}},
	{"rollback-again", "-doors=false", 0, func(w *world) {
		byVersion(w)
		backTo10(w)
		w.aws.On("DescribeAutoScalingGroups", group(6, old...))
		w.aws.On("DescribeInstanceRefreshes", refresh("Failed", "bad", 0))
		w.aws.On("DescribeServices", service(10, deployment("PRIMARY", 10, "COMPLETED", 2, 2, "")))
	}, nil},
	{"rollback-to-a-number", "-only backend -doors=false -to 4", 0, func(w *world) {
		backTo6(w)
		w.aws.On("DescribeAutoScalingGroups", group(7, in("d", 7)), group(4, in("a", 4), in("b", 4), in("c", 4)))
		w.aws.On("DescribeTargetHealth", health("a", "b", "c"))
	}, []string{"UpdateAutoScalingGroup", "StartInstanceRefresh"}},
	{"rollback-fails", "-only backend -doors=false", 1, func(w *world) {
		backTo6(w)
		w.aws.On("DescribeAutoScalingGroups", group(7, in("d", 7), in("b", 7), in("c", 7)), group(6, in("d", 7), in("b", 7), in("c", 7)))
		w.aws.On("DescribeInstanceRefreshes", refresh("Successful", "", 100), refresh("Failed", "There are too many unhealthy instances.", 0))
		w.aws.On("DescribeTargetHealth", health("d", "b", "c"))
		w.aws.On("DescribeScalingActivities", activities())
	}, []string{"UpdateAutoScalingGroup", "StartInstanceRefresh"}},
	{"rollback-expired", "-only backend -doors=false", 3, func(w *world) {
		backTo6(w)
		w.aws.On("StartInstanceRefresh", expired)
	}, []string{"UpdateAutoScalingGroup", "StartInstanceRefresh"}},
	{"rollback-first-version", "-only backend", 1, func(w *world) {
		byVersion(w)
		w.aws.On("DescribeAutoScalingGroups", group(1, in("a", 1)))
		w.aws.On(
			"DescribeLaunchTemplateVersions",
			templateVersion(1, "1"),
			opstest.Answer{Body: "<launchTemplateVersionSet></launchTemplateVersionSet>"},
		)
	}, nil},
	{"rollback-no-such-version", "-only backend -to 99", 1, byVersion, nil},
	{"rollback-inactive-revision", "-only agents -to 3", 1, func(w *world) {
		w.aws.On("DescribeTaskDefinition", opstest.Answer{Body: text(map[string]any{"taskDefinition": map[string]any{"status": "INACTIVE"}})})
	}, nil},
	{"rollback-no-history", "-only agents -dry-run", 0, func(w *world) {
		w.aws.On("ListServiceDeployments", opstest.Answer{Body: `{"serviceDeployments":[]}`})
		w.aws.On("DescribeTaskDefinition", taskDefinition(11, "b"))
	}, nil},
	{"rollback-only-one-revision", "-only agents", 1, func(w *world) {
		w.aws.On("ListServiceDeployments", opstest.Answer{Body: `{"serviceDeployments":[]}`})
		w.aws.On("ListTaskDefinitions", taskList(12))
	}, nil},
}

func TestRollback(t *testing.T) {
	t.Parallel()
	used := newCalls()
	t.Run("cases", func(t *testing.T) { runRollbacks(t, used) })
	if used.worlds == len(rollbacks) {
		const page = "../../../docs/ops.md"
		documented := slices.Concat(opstest.Permissions(t, page, "rollout"), opstest.Permissions(t, page, "rollout -rollback"))
		require.Subset(t, documented, used.names())
		for _, name := range opstest.Permissions(t, page, "rollout -rollback") {
			if name != "RunInstances" && name != "CreateTags" && name != "PassRole" { // Auto Scaling asks for these
				require.Contains(t, used.names(), name)
			}
		}
	}
}

func runRollbacks(t *testing.T, used *calls) {
	for _, c := range rollbacks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			defer used.add(w.aws)
			c.set(w)
			session, status := w.run(t, "-stack prod -rollback "+c.args)
			require.Equal(t, c.status, status, session)
			opstest.Golden(t, c.name+".txt", session)
			var changed []string
			for _, call := range w.aws.Calls() {
				switch call.Operation {
				case "UpdateAutoScalingGroup", "StartInstanceRefresh", "CancelInstanceRefresh", "UpdateService":
					changed = append(changed, call.Operation)
				}
			}
			require.Equal(t, c.calls, changed)
		})
	}
}

// What reaches AWS: the version alone is changed, and an alarm that is on does not stop the way back.
func TestRollbackCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	backTo6(w)
	bad := []instance{in("d", 7), in("b", 6), in("c", 6)}
	w.aws.On("DescribeAutoScalingGroups", spot(7, bad...), spot(6, bad...), spot(6, in("e", 6), in("b", 6), in("c", 6)))
	session, status := w.run(t, "-stack prod -rollback -only backend -doors=false")
	require.Equal(t, command.Done, status, session)
	update := w.aws.Calls("UpdateAutoScalingGroup")[0].Form
	policy := "MixedInstancesPolicy."
	for key, want := range map[string]string{
		policy + "LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId":   "lt-1",
		policy + "LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName": "", // AWS refuses both
		policy + "LaunchTemplate.LaunchTemplateSpecification.Version":            "6",
		policy + "InstancesDistribution.OnDemandBaseCapacity":                    "1",
		policy + "InstancesDistribution.OnDemandPercentageAboveBaseCapacity":     "0",
		policy + "InstancesDistribution.SpotAllocationStrategy":                  "price-capacity-optimized",
		"LaunchTemplate.Version": "", "MinSize": "", "DesiredCapacity": "",
	} {
		require.Equal(t, want, update.Get(key), key)
	}
	start := w.aws.Calls("StartInstanceRefresh")[0].Form
	for key, want := range map[string]string{
		"Preferences.SkipMatching": "true", "Preferences.MinHealthyPercentage": "100", "Preferences.AutoRollback": "false",
		"Preferences.AlarmSpecification.Alarms.member.1": "", "DesiredConfiguration.LaunchTemplate.Version": "",
	} {
		require.Equal(t, want, start.Get(key), key)
	}
	ids := w.aws.Calls("DescribeInstanceRefreshes")
	require.Equal(t, "r-2", ids[len(ids)-1].Form.Get("InstanceRefreshIds.member.1"), "it waits for its own refresh")
}
