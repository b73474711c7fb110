package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the services of this repository would refuse at their start is refused before the update; another program reads what it likes.
func TestRejectsWhatTheServicesRefuse(t *testing.T) {
	values := func(backend, agent string) map[string]string {
		return raw("compute", `{"environment": {"BACKEND_LOGLEVEL": "debug", "LOG_FORMAT": "json"}`+backend+`}`,
			"fargate", `{"environment": {"AGENT_LOG_LEVEL": "loud", "AGENT_MAX_LEASES": "0"}`+agent+`}`)
	}
	rejected{name: "the services", values: values("", ""), want: map[string]string{
		`compute.environment["BACKEND_LOGLEVEL"]`: "the service would not start: BACKEND_LOGLEVEL",
		`fargate.environment["AGENT_LOG_LEVEL"]`:  "the service would not start: AGENT_LOG_LEVEL",
		`fargate.environment["AGENT_MAX_LEASES"]`: "pulumi config rm --path 'fargate.environment[\"AGENT_MAX_LEASES\"]' --stack dev",
	}}.check(t)
	_, err := Parse(testProject, "dev", values(`, "command": ["/app"]`, `, "command": ["/app"]`))
	require.NoError(t, err)
	_, err = Parse(testProject, "dev", raw("compute", `{"environment": {"BACKEND_LOG_LEVEL": "debug"}}`,
		"fargate", `{"environment": {"AGENT_LOG_LEVEL": "debug", "AGENT_MAX_LEASES": "8"}}`))
	require.NoError(t, err)
}
