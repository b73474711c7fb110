package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "api.Args: want a value, got nil")
	require.EqualError(t, (&Args{}).validate(), `api.Args.LoadBalancerARN: want a value, got nil
api.Args.LoadBalancerDNSName: want a value, got nil
api.Args.LogsKeyARN: want a value, got nil
api.Args.StageName: want letters, digits, - and _, got ""
api.Args.Port: want 1..65535, got 0
api.Args.ThrottleRate: want at least 1, got 0
api.Args.ThrottleBurst: want at least 1, got 0
api.Args.LogRetentionDays: want at least 1, got 0
api.Args.Document: want an OpenAPI document, got <nil>`)
}
