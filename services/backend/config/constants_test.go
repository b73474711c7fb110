package config_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/config"
)

// A struct tag cannot name a constant, so the defaults stand in both places.
func TestConstantsAreTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := config.Parse(local())
	require.NoError(t, err)
	require.Equal(t, ":"+strconv.Itoa(config.PublicPort), got.PublicAddr)
	require.Equal(t, ":"+strconv.Itoa(config.GatewayPort), got.GatewayAddr)
	require.Equal(t, config.DefaultStage, got.Stage)
	require.Equal(t, config.DefaultDatabaseCAFile, got.DatabaseCAFile)
	require.Equal(t, config.DefaultDrainTimeout, got.DrainTimeout)
	require.Less(t, config.RequestTimeout, config.WriteTimeout)
}
