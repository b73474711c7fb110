package network

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDevelopmentWithANATInstance(t *testing.T) {
	args := development()
	args.NAT = NATByInstance
	graph := deploy(t, args)
	graph.RequireCounts(t, counts(args))

	instance := graph.Only(t, typeInstance)
	assert.Equal(t, "network-nat", instance.Name)
	assert.Equal(t, "t4g.nano", instance.String(t, "instanceType"))
	assert.False(t, instance.Bool(t, "sourceDestCheck"))
	assert.NotContains(t, instance.Inputs, "associatePublicIpAddress", "false reads back as true beside an elastic address, and replaces")
	assert.NotContains(t, instance.Inputs, "keyName")
	assert.NotContains(t, instance.Inputs, "iamInstanceProfile", "it calls no AWS API")
	metadata, _ := instance.Get("metadataOptions")
	assert.Equal(t, map[string]any{
		"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1.0, "instanceMetadataTags": "disabled",
	}, metadata)
	assert.True(t, instance.Bool(t, "rootBlockDevice", "encrypted"))
	assert.Equal(t, "network-nat", instance.String(t, "rootBlockDevice", "tags", "Name"))
	assert.Equal(t, "default", instance.String(t, "maintenanceOptions", "autoRecovery"))
	assert.True(t, instance.Bool(t, "userDataReplaceOnChange"))
	assert.Equal(t, []string{"ami"}, instance.IgnoreChanges)
	assert.Contains(t, instance.DependsOn, typeRoute+"::network-public-routes-default", "its first boot needs the internet")

	address := graph.Only(t, typeAddress)
	assert.Equal(t, "network-nat-address", address.Name)
	assert.Contains(t, address.DependsOn, instance.Key())
	for _, layer := range []string{"backend", "clients"} {
		route := graph.Find(t, typeRoute, "network-"+layer+"-routes-default")
		assert.Equal(t, "eni-network-nat", route.String(t, "networkInterfaceId"))
		assert.Contains(t, route.DependsOn, address.Key())
	}
	assert.Equal(t, "stop", instance.String(t, "instanceInitiatedShutdownBehavior"), "a script that fails powers off")
	stopped := graph.Find(t, typeAlarm, "network-nat-stopped")
	assert.Equal(t, "StatusCheckFailed", stopped.String(t, "metricName"))
	assert.Equal(t, "breaching", stopped.String(t, "treatMissingData"), "a stopped instance has no checks")
	assert.Equal(t, "i-network-nat", stopped.String(t, "dimensions", "InstanceId"))
	alarm := graph.Find(t, typeAlarm, "network-nat-reboot")
	assert.Equal(t, "arn:aws:automate:eu-central-1:ec2:reboot", alarm.String(t, "alarmActions", 0))
	assert.Equal(t, "StatusCheckFailed_Instance", alarm.String(t, "metricName"))
	assert.Equal(t, "arn:aws:sns:eu-central-1:123456789012:alerts", alarm.String(t, "alarmActions", 1))
	assert.Equal(t, []any{"arn:aws:sns:eu-central-1:123456789012:alerts"}, alarm.Inputs["okActions"])
	assert.Len(t, graph.Outputs(t, componentKey)["NATAddresses"], NATByInstance.Addresses(2))
	args.AlarmTopicARN = nil
	assert.ErrorContains(t, args.validate(), "network.Args.AlarmTopicARN")
	assert.Empty(t, graph.Outputs(t, componentKey)["NATGatewayIDs"])
}

func TestUserDataOfTheNATInstance(t *testing.T) {
	plan := mustPlan(t, "10.20.0.0/16", 2)
	text, err := natUserData("10.20.0.0/16", []netip.Prefix{plan.BackendRange, plan.ClientsRange})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "#!/bin/bash\n"), "cloud-init reads the first line")
	assert.Contains(t, text, "elements = { 10.20.64.0/18, 10.20.128.0/18 }")
	assert.Contains(t, text, "ip saddr @private ip daddr != 10.20.0.0/16 masquerade")
	assert.Contains(t, text, "policy drop;")
	assert.Contains(t, text, "net.ipv4.ip_forward = 1")
	assert.NotContains(t, text, "{{")
	assert.NotContains(t, natUserDataText, "${", "project templates replace such text")
	assert.Less(t, len(text), 16*1024, "the limit of EC2")
	output, err := exec.Command("bash", "-n", "-c", text).CombinedOutput()
	require.NoError(t, err, string(output))
}

// The NAT instance runs the same line of Amazon Linux as the backend, and moves to a release on purpose.
func TestReleaseOfTheNATInstance(t *testing.T) {
	args := development()
	args.NAT = NATByInstance
	newest := deploy(t, args).Only(t, typeInstance).String(t, "ami")
	args.Release = "2023.9.20251117"
	instance := deploy(t, args).Only(t, typeInstance)
	assert.Empty(t, instance.IgnoreChanges)
	assert.NotEqual(t, newest, instance.String(t, "ami"))
}

// A script that fails stops the instance, and forgets that it has run: it tries again when the instance is started.
func TestTheNATInstanceStopsWhenItsScriptFails(t *testing.T) {
	text, err := natUserData("10.20.0.0/16", []netip.Prefix{netip.MustParsePrefix("10.20.64.0/18")})
	require.NoError(t, err)
	bin := t.TempDir()
	for name, body := range map[string]string{
		"dd": "", "chmod": "", "mkswap": "", "swapon": "", "sleep": "", "dnf": "exit 1",
		"cloud-init": `echo "cloud-init $*"`, "systemctl": `echo "systemctl $*"`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+body+"\n"), 0o700))
	}
	run := exec.Command("bash", "-c", text)
	run.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	output, err := run.CombinedOutput()
	require.Error(t, err)
	assert.Regexp(t,
		`(?s)nftables could not be installed\nnat: line \d+ failed, stopping the instance\ncloud-init clean\nsystemctl poweroff\n$`,
		string(output))
}
