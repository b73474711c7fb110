package contract

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	agent "scalable-backend/services/agent/config"
	backend "scalable-backend/services/backend/config"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/services/internal/servers"
)

// The document names each variable that the infrastructure sets and each metric that somebody waits for, and no variable that is
// none.
func TestDocument(t *testing.T) {
	t.Parallel()
	root, err := servers.Repository()
	require.NoError(t, err)
	document, err := os.ReadFile(filepath.Join(root, "docs", "bring-your-own.md"))
	require.NoError(t, err)
	plan, err := os.ReadFile(filepath.Join(root, "testdata", "prod.json"))
	require.NoError(t, err)

	variable := regexp.MustCompile(`\b(BACKEND|AGENT)_[A-Z_]+\b`)
	planned := variable.FindAllString(string(plan), -1)
	require.Contains(t, planned, "BACKEND_DRAIN_TIMEOUT")
	require.Contains(t, planned, "AGENT_STOP_TIMEOUT")
	named := variable.FindAllString(string(document), -1)
	for _, name := range planned {
		require.Contains(t, named, name, "the infrastructure sets it, and docs/bring-your-own.md does not name it")
	}
	known := slices.Concat(backend.Keys(), agent.Keys())
	for _, name := range named {
		require.Contains(t, known, name, "docs/bring-your-own.md names it, and there is no such variable")
	}
	for _, name := range []string{
		metrics.QueueBacklog, metrics.QueueOldestAgeSeconds, metrics.AgentsSeen, metrics.JobsDead,
		metrics.Requests, metrics.RequestErrors, metrics.RequestLatencyMs,
	} {
		require.Contains(t, string(document), "`"+name+"`")
	}
}
