package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRegions: an unknown region, or one in a partition that the program does not support, is refused before any call to AWS.
func TestRegions(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-9":      "did you mean us-east-1?",
		"eu-centrl-1":    "did you mean eu-central-1?",
		"us-gov-west-2":  "did you mean us-gov-west-1?",
		"eu-west-1a":     "did you mean eu-west-1?",
		"us-iso-east-1":  "us-iso-east-1 belongs to AWS ISO (US), whose names this program does not know",
		"us-isob-east-1": "belongs to AWS ISOB (US)",
		"eusc-de-east-1": "belongs to AWS EUSC,",
		"global":         "want an AWS region, such as us-east-1",
		"":               "want an AWS region, such as us-east-1",
	} {
		_, err := Parse(testProject, "dev", map[string]string{regionKey: region})
		require.ErrorContains(t, err, want, region)
	}
	for region, want := range map[string]string{
		"us-east-1": "aws", "ap-southeast-7": "aws", "mx-central-1": "aws", "us-gov-east-1": "aws-us-gov", "cn-northwest-1": "aws-cn",
	} {
		c, err := Parse(testProject, "dev", map[string]string{regionKey: region})
		require.NoError(t, err)
		require.Equal(t, want, c.Partition())
		require.Equal(t, want != "aws-us-gov", c.Budget() == c.Monitoring.MonthlyBudgetUSD, region)
		require.Equal(t, want == "aws-us-gov", len(c.Warnings()) == 1, region)
	}
	// A region that is newer than this program; the provider has the same option.
	c, err := Parse(testProject, "dev", map[string]string{regionKey: "eu-north-2", skipRegionKey: "true"})
	require.NoError(t, err)
	require.Equal(t, "aws", c.Partition())
}
