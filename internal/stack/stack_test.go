package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func info() Info {
	return Info{Project: "p", Stack: "dev", Region: "eu-central-1", AccountID: "123456789012", Partition: "aws-cn"}
}

func TestTags(t *testing.T) {
	t.Parallel()
	i := info()
	i.ExtraTags = map[string]string{"cost-centre": "42", "stack": "not this one"}
	require.Equal(t, map[string]string{
		"Name": "network-vpc", "project": "p", "stack": "dev", "deployment": "p-dev", "tier": "network", "managed-by": "pulumi",
		"cost-centre": "42",
	}, i.Tags("network", "network-vpc"))
	require.Equal(t, map[string]string{"cost-centre": "42", "stack": "not this one"}, i.ExtraTags, "the argument is left alone")
}

func TestOwnTagsAreWhatTagsSets(t *testing.T) {
	t.Parallel()
	var keys []string
	for key := range info().Tags("network", "x") {
		keys = append(keys, key)
	}
	require.ElementsMatch(t, OwnTags(), keys)
}

func TestARNsCarryThePartition(t *testing.T) {
	t.Parallel()
	i := info()
	require.Equal(t, "arn:aws-cn:logs:eu-central-1:123456789012:log-group:/x", i.ARN("logs", "log-group:/x"))
	require.Equal(t, "arn:aws-cn:iam::123456789012:role/x", i.GlobalARN("iam", "role/x"))
	require.Equal(t, "arn:aws-cn:iam::123456789012:root", i.RootARN())
	require.Equal(t, "arn:aws-cn:iam::aws:policy/service-role/X", i.ManagedPolicyARN("service-role/X"))
	require.Equal(t, "logs.eu-central-1.amazonaws.com.cn", i.LogsService())
	i.Partition = "aws-us-gov"
	require.Equal(t, "logs.eu-central-1.amazonaws.com", i.LogsService())
}
