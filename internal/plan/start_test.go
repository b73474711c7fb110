package plan

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForgetMachine(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	t.Setenv("PULUMI_ACCESS_TOKEN", "mine")
	t.Setenv("AWSOME", "kept")
	require.NoError(t, ForgetMachine())
	for _, gone := range []string{"AWS_PROFILE", "PULUMI_ACCESS_TOKEN"} {
		_, found := os.LookupEnv(gone)
		require.False(t, found, gone)
	}
	require.Equal(t, "kept", os.Getenv("AWSOME"))
}
