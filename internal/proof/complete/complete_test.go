package complete_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/proof/complete"
)

func TestMissing(t *testing.T) {
	const subnets = "ecs.ServiceNetworkConfigurationArgs.Subnets"
	network := func(subnets pulumi.StringArrayInput) *ecs.ServiceArgs {
		return &ecs.ServiceArgs{NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{Subnets: subnets}}
	}
	strategy := &ecs.ServiceCapacityProviderStrategyArgs{Weight: pulumi.Int(1)}
	for name, c := range map[string]struct {
		args any
		want []string
	}{
		"nothing at all": {nil, nil},
		"complete": {&lb.ListenerArgs{LoadBalancerArn: pulumi.String("arn"), DefaultActions: lb.ListenerDefaultActionArray{}},
			nil},
		"an argument": {&lb.ListenerArgs{}, []string{"loadBalancerArn: missing in lb.ListenerArgs"}},
		"in a list": {&ecs.ServiceArgs{CapacityProviderStrategies: ecs.ServiceCapacityProviderStrategyArray{strategy}},
			[]string{"capacityProviderStrategies[0].capacityProvider: missing in ecs.ServiceCapacityProviderStrategyArgs"}},
		"nil in a list": {&ecs.ServiceArgs{CapacityProviderStrategies: ecs.ServiceCapacityProviderStrategyArray{nil}},
			[]string{"capacityProviderStrategies[0]: nil in a list"}},
		"in a nested field": {
			&ecs.ServiceArgs{DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{Enable: pulumi.Bool(true)}},
			[]string{"deploymentCircuitBreaker.rollback: missing in ecs.ServiceDeploymentCircuitBreakerArgs"}},
		"behind a pointer": {
			&ecs.ServiceArgs{DeploymentCircuitBreaker: &ecs.ServiceDeploymentCircuitBreakerArgs{Enable: pulumi.Bool(true)}},
			[]string{"deploymentCircuitBreaker.rollback: missing in ecs.ServiceDeploymentCircuitBreakerArgs"}},
		"a list that AWS requires": {network(nil), []string{"networkConfiguration.subnets: missing in ecs.ServiceNetworkConfigurationArgs"}},
		"a list without an element": {network(pulumi.StringArray{}),
			[]string{"networkConfiguration.subnets: empty in ecs.ServiceNetworkConfigurationArgs"}},
		"a list that comes later": {network(pulumi.StringArray{}.ToStringArrayOutput()), nil},
		"required text that is none": {&lb.ListenerArgs{LoadBalancerArn: pulumi.String("")},
			[]string{"loadBalancerArn: empty in lb.ListenerArgs"}},
		"fields that come later": {
			&ecs.ServiceArgs{
				NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{}.ToServiceNetworkConfigurationOutput().
					ToServiceNetworkConfigurationPtrOutput()},
			[]string{"networkConfiguration: a *ecs.ServiceNetworkConfiguration comes as an output, which hides its fields"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			used := map[string]bool{}
			require.Equal(t, c.want, complete.Missing(c.args, complete.Lists{subnets: true}, used))
			require.Equal(t, strings.HasPrefix(name, "a list"), used[subnets])
		})
	}
}

func TestSource(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi-aws/sdk/v6").Output()
	require.NoError(t, err)
	source := &complete.Source{Dir: filepath.Join(strings.TrimSpace(string(dir)), "go", "aws")}
	recorder := "aws:cfg/recorder:Recorder"
	for name, c := range map[string]struct {
		inputs pulumi.Map
		want   string
	}{
		"complete":  {pulumi.Map{"roleArn": pulumi.String("arn"), "recordingGroup": pulumi.Map{"allSupported": pulumi.Bool(true)}}, ""},
		"an output": {pulumi.Map{"roleArn": pulumi.String("arn").ToStringOutput()}, ""},
		"a list later": {pulumi.Map{"roleArn": pulumi.String("arn"),
			"recordingGroup": pulumi.Map{"resourceTypes": pulumi.StringArray{}.ToStringArrayOutput()}}, ""},
		"numbers later": {pulumi.Map{"roleArn": pulumi.String("arn"),
			"recordingGroup": pulumi.Map{"resourceTypes": pulumi.IntArray{}.ToIntArrayOutput()}},
			"recordingGroup.resourceTypes: want []string, got an output of []int"},
		"misspelt": {pulumi.Map{"roleARN": pulumi.String("arn"), "roleArn": pulumi.String("arn")},
			"roleARN: recorderArgs has no such property; it has name, recordingGroup, recordingMode, roleArn"},
		"misspelt below": {pulumi.Map{"roleArn": pulumi.String("arn"), "recordingGroup": pulumi.Map{"all": pulumi.Bool(true)}},
			"recordingGroup.all: RecorderRecordingGroup has no such property"},
		"missing": {pulumi.Map{}, "roleArn: missing in recorderArgs"},
		"missing below": {pulumi.Map{"roleArn": pulumi.String("arn"), "recordingMode": pulumi.Map{"recordingModeOverride": pulumi.Map{}}},
			"recordingMode.recordingModeOverride.recordingFrequency: missing in RecorderRecordingModeRecordingModeOverride"},
		"of another kind": {pulumi.Map{"roleArn": pulumi.Bool(true)}, "roleArn: want string, got pulumi.Bool"},
		"text for a list": {pulumi.Map{"roleArn": pulumi.String("arn"), "recordingGroup": pulumi.Map{"resourceTypes": pulumi.String("all")}},
			"recordingGroup.resourceTypes: want []string, got pulumi.String"},
		"number in a list": {pulumi.Map{"roleArn": pulumi.String("arn"),
			"recordingGroup": pulumi.Map{"resourceTypes": pulumi.Array{pulumi.Int(1)}}}, "recordingGroup.resourceTypes[0]: want string, got " +
			"pulumi.Int"},
		"text for an object": {pulumi.Map{"roleArn": pulumi.String("arn"), "recordingGroup": pulumi.String("all")},
			"recordingGroup: want RecorderRecordingGroup, got pulumi.String"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := source.Check(recorder, c.inputs)
			require.NoError(t, err)
			if c.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Contains(t, strings.Join(problems, "\n"), c.want)
		})
	}
	_, err = source.Check("aws:cfg/recorder:Recoder", nil)
	require.EqualError(t, err, "the provider has no aws:cfg/recorder:Recoder")
	_, err = source.Check("aws:cgf/recorder:Recorder", nil)
	require.ErrorContains(t, err, "no source of the package cgf")
}
