package compute_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroup(t *testing.T) {
	g := run(t, prod())
	asg := g.Only(t, group)
	for key, want := range map[string]float64{
		"minSize": 3, "desiredCapacity": 3, "maxSize": 20, "minElbCapacity": 3,
		"healthCheckGracePeriod": 240, "defaultInstanceWarmup": 240,
	} {
		require.EqualValues(t, want, asg.Number(t, key), key)
	}
	require.Equal(t, []string{"desiredCapacity"}, asg.IgnoreChanges)
	require.Equal(t, "ELB", asg.String(t, "healthCheckType"))
	require.Equal(t, []any{"backend-1", "backend-2"}, value(t, asg, "vpcZoneIdentifiers"))
	require.Len(t, value(t, asg, "targetGroupArns"), 2)
	require.False(t, asg.Bool(t, "capacityRebalance"))
	require.False(t, asg.Bool(t, "forceDelete"))
	require.NotContains(t, []string{"$Latest", "$Default", ""}, asg.String(t, "launchTemplate", "version"))
	_, mixed := asg.Get("mixedInstancesPolicy")
	require.False(t, mixed)

	preferences := value(t, asg, "instanceRefresh", "preferences").(map[string]any)
	require.Equal(t, "Rolling", asg.String(t, "instanceRefresh", "strategy"))
	require.EqualValues(t, 100, preferences["minHealthyPercentage"])
	require.EqualValues(t, 110, preferences["maxHealthyPercentage"])
	require.Equal(t, false, preferences["autoRollback"])
	require.Len(t, value(t, asg, "instanceRefresh", "preferences", "alarmSpecification", "alarms"), 3)

	var keys []string
	for _, tag := range value(t, asg, "tags").([]any) {
		require.Equal(t, true, tag.(map[string]any)["propagateAtLaunch"])
		keys = append(keys, tag.(map[string]any)["key"].(string))
	}
	require.Equal(t, []string{"Name", "deployment", "managed-by", "project", "stack", "tier"}, keys)
}

func TestGroupWaitsForItsDependencies(t *testing.T) {
	g := run(t, prod())
	asg := g.Only(t, group)
	for _, want := range []string{
		attachment + "::compute-service", attachment + "::compute-host", attachment + "::compute-ssm", logGroup + "::compute-logs",
		listener + "::compute-https", listener + "::compute-http", listener + "::compute-gateway",
		alarm + "::compute-errors", alarm + "::compute-unhealthy", alarm + "::compute-gateway-unhealthy",
		launchTemplate + "::compute-instance-arm64",
	} {
		require.Contains(t, asg.DependsOn, want)
	}
	require.Contains(t, g.Only(t, launchTemplate).DependsOn, secretVersion+"::compute-admin-token")
	require.Contains(t, g.Find(t, scalingPolicy, "compute-requests").DependsOn, listener+"::compute-https")
	require.Contains(t, run(t, dev()).Find(t, scalingPolicy, "compute-requests").DependsOn, listener+"::compute-http")
}

func TestSpot(t *testing.T) {
	asg := run(t, dev()).Only(t, group)
	require.True(t, asg.Bool(t, "capacityRebalance"))
	require.True(t, asg.Bool(t, "forceDelete"))
	require.Equal(t, map[string]any{
		"onDemandBaseCapacity": 1.0, "onDemandPercentageAboveBaseCapacity": 0.0, "spotAllocationStrategy": "price-capacity-optimized",
	}, value(t, asg, "mixedInstancesPolicy", "instancesDistribution"))
	_, plain := asg.Get("launchTemplate")
	require.False(t, plain)
}

func TestIgnoreRollbackAlarms(t *testing.T) {
	args := prod()
	args.IgnoreRollbackAlarms = true
	g := run(t, args)
	_, bound := g.Only(t, group).Get("instanceRefresh", "preferences", "alarmSpecification")
	require.False(t, bound)
	require.Len(t, g.OfType(alarm), 3, "the alarms must still notify")
}

// Auto Scaling publishes to the topic with its service-linked role, which the topic's key allows.
func TestNotifications(t *testing.T) {
	n := run(t, prod()).Only(t, notification)
	require.Equal(t, topic, n.String(t, "topicArn"))
	require.ElementsMatch(t, []any{
		"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
		"autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
	}, n.Inputs["notifications"])
	require.Contains(t, n.DependsOn, group+"::compute-group")
}

func TestScaling(t *testing.T) {
	g := run(t, prod())
	cpu := g.Find(t, scalingPolicy, "compute-cpu")
	require.Equal(t, "TargetTrackingScaling", cpu.String(t, "policyType"))
	require.Equal(t, "ASGAverageCPUUtilization",
		cpu.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType"))
	require.EqualValues(t, 50, cpu.Number(t, "targetTrackingConfiguration", "targetValue"))
	requests := g.Find(t, scalingPolicy, "compute-requests")
	require.Equal(t, "ALBRequestCountPerTarget",
		requests.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType"))
	require.EqualValues(t, 1000, requests.Number(t, "targetTrackingConfiguration", "targetValue"))
	outputs := g.Outputs(t, componentKey)
	require.Equal(t, outputs["LoadBalancerARNSuffix"].(string)+"/"+outputs["TargetGroupARNSuffix"].(string),
		requests.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "resourceLabel"))
}

func TestAlarms(t *testing.T) {
	for _, a := range run(t, prod()).OfType(alarm) {
		require.Equal(t, []any{topic}, value(t, a, "alarmActions"), a.Name)
		require.Equal(t, []any{topic}, value(t, a, "okActions"), a.Name)
		require.Equal(t, "notBreaching", a.String(t, "treatMissingData"), a.Name)
		require.Contains(t, a.String(t, "alarmDescription"), "Runbook: docs/runbook.md#", a.Name)
		returned := 0
		for _, query := range value(t, a, "metricQueries").([]any) {
			if query.(map[string]any)["returnData"] == true {
				returned++
			}
		}
		require.Equal(t, 1, returned, a.Name)
	}
}
