package system

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/config"
)

// Outside production credits are standard; in production, and where the owner says so, they are not touched.
func TestCPUCredits(t *testing.T) {
	var cfg config.Config
	require.Equal(t, compute.CreditsStandard, cpuCredits(cfg))
	cfg.Compute.CPUCredits = "unlimited"
	require.Equal(t, "unlimited", cpuCredits(cfg))
	cfg.Production, cfg.Compute.CPUCredits = true, ""
	require.Empty(t, cpuCredits(cfg))
}
