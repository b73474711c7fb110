package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A minimum that exceeds the capacity is refused, and the error states the capacity.
func TestMinimumExceedsCapacity(t *testing.T) {
	for name, r := range map[string]struct {
		values []string
		key    string
		want   string
	}{
		"tasks in a small network": {
			[]string{"network", `{"cidr": "10.20.0.0/23"}`, "fargate", `{"minTasks": 55, "desiredTasks": 55, "maxTasks": 400}`},
			"fargate.minTasks", "want room for at most 54 agents: there are 54 addresses in the 2 subnets of network.cidr 10.20.0.0/23",
		},
		"endpoints and file system take addresses": {
			[]string{
				"network", `{"cidr": "10.20.0.0/23", "interfaceEndpoints": ["ecr.api", "ecr.dkr"]}`,
				"fargate", `{"minTasks": 49, "desiredTasks": 49, "maxTasks": 49, "persistentStorage": true}`,
			},
			"fargate.minTasks", "at most 48 agents",
		},
		"instances in a small network": {
			[]string{
				"network", `{"cidr": "10.20.0.0/23"}`, "compute", `{"minSize": 53, "desiredCapacity": 53, "maxSize": 53}`,
				"database", `{"instanceClass": "db.r7g.4xlarge"}`,
			},
			"compute.minSize", "at most 52 instances",
		},
		"connections": {
			[]string{"compute", `{"minSize": 6, "desiredCapacity": 6, "maxSize": 6}`},
			"compute.minSize", "at most 5 instances: each opens up to 20 connections, and a db.t4g.micro takes 112",
		},
	} {
		_, err := Parse(testProject, "dev", raw(r.values...))
		require.ErrorContains(t, err, r.key, name)
		require.ErrorContains(t, err, r.want, name)
		require.ErrorContains(t, err, "1 problem", name)
	}
}

// A maximum that exceeds the capacity gives a warning with the numbers, and so does one that exceeds a default quota.
func TestWarnings(t *testing.T) {
	c, err := Parse(testProject, "dev", raw())
	require.NoError(t, err)
	require.Empty(t, c.Warnings())

	c, err = Parse(testProject, "dev", raw(
		"network", `{"cidr": "10.20.0.0/23"}`, "fargate", `{"maxTasks": 400}`, "compute", `{"maxSize": 100}`))
	require.NoError(t, err)
	require.Equal(t, []string{
		"fargate.maxTasks is 400, and there is room for 54 agents: there are 54 addresses in the 2 subnets of network.cidr 10.20.0.0/23",
		"compute.maxSize is 100, and there is room for 52 instances: there are 52 addresses in the 2 subnets of network.cidr 10.20.0.0/23",
		"compute.maxSize is 100, and there is room for 5 instances: each opens up to 20 connections, and a db.t4g.micro takes 112",
	}, c.Warnings())

	for n, warned := range map[int]bool{30: false, 31: true} {
		var sources []string
		for i := range n {
			sources = append(sources, fmt.Sprintf(`"203.0.113.%d/32"`, i))
		}
		c, err = Parse(testProject, "dev", raw("compute", `{`+testName+`, "certificateArn": "`+certificateOf("us-east-1", "111122223333")+
			`", "allowedCidrs": [`+strings.Join(sources, ",")+`]}`))
		require.NoError(t, err)
		require.Equal(t, warned, len(c.Warnings()) == 1, "%d ranges", n)
	}
}

// A throttle above the capacity of all instances gives a warning.
func TestThrottleAndCapacity(t *testing.T) {
	for rate, warned := range map[int]bool{50: false, 51: true} { // 3 instances of 1000 a minute
		c, err := Parse(testProject, "dev", raw("api", fmt.Sprintf(`{"throttleRate": %d}`, rate)))
		require.NoError(t, err)
		require.Equal(t, warned, len(c.Warnings()) == 1, "%d a second", rate)
	}
	c, err := Parse(testProject, "dev", raw("api", `{"throttleRate": 1000}`, "compute", `{"maxSize": 5, "requestsPerTarget": 1200}`))
	require.NoError(t, err)
	require.Equal(t, []string{"api.throttleRate lets 1000 requests a second through, and compute.maxSize 5 instances at " +
		"compute.requestsPerTarget 1200 a minute are sized for 100: the backend is overloaded before API Gateway refuses any"}, c.Warnings())
}
