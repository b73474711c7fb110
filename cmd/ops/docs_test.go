package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
)

const page = "../../docs/ops.md"

// The page shows outputs of tests, and links every command that it lists.
func TestPage(t *testing.T) {
	require.Greater(t, opstest.Shown(t, page, "."), 5)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, c := range commands {
		require.Contains(t, string(text), "`"+c.Name+"`", "docs/ops.md names every command")
	}
}
