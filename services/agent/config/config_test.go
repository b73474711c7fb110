package config

import (
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func valid() map[string]string {
	return map[string]string{
		"AGENT_API_URL": "https://abc.execute-api.eu-central-1.amazonaws.com/live", "AGENT_AUTH": "sigv4", "AWS_REGION": "eu-central-1",
		"AGENT_DATA_DIR": "/data", "AGENT_STACK": "prod", "AGENT_SOURCE_HOSTS": "b.s3.eu-central-1.amazonaws.com,*.example.com",
		"AGENT_RETAIN": "24h", "AGENT_HEALTH_FILE": "/tmp/agent-health", "AGENT_STOP_TIMEOUT": "105s", "AGENT_MAX_LEASES": "4",
		"AGENT_CONNECTIONS": "8", "AGENT_LOG_LEVEL": "debug", "PATH": "/bin", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector.example.com/v1/traces", "OTEL_TRACES_SAMPLER_ARG": "0.5",
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := Parse(valid())
	require.NoError(t, err)
	require.Equal(t, Config{
		APIURL: "https://abc.execute-api.eu-central-1.amazonaws.com/live", Auth: AuthSigV4, Region: "eu-central-1", Stack: "prod",
		DataDir: "/data", OutputDir: "/data/files", Retain: 24 * time.Hour,
		SourceHosts: []string{"b.s3.eu-central-1.amazonaws.com", "*.example.com"}, MaxLeases: 4, Connections: 8,
		StopTimeout: 105 * time.Second, HealthFile: DefaultHealthFile, LogLevel: slog.LevelDebug,
		TracesEndpoint: "https://collector.example.com/v1/traces", TracesRatio: 0.5,
	}, c)
}

func TestParseDefaults(t *testing.T) {
	t.Parallel()
	c, err := Parse(map[string]string{"AGENT_API_URL": "http://127.0.0.1:8080", "AGENT_TOKEN": "x", "AGENT_INSECURE_SOURCES": "true"})
	require.NoError(t, err)
	require.Equal(t, Config{
		APIURL: "http://127.0.0.1:8080", Auth: AuthToken, Token: "x", DataDir: "/data", OutputDir: "/data/files", Retain: 24 * time.Hour,
		InsecureSources: true, MaxLeases: 4, Connections: 8, StopTimeout: 105 * time.Second, HealthFile: DefaultHealthFile,
		TracesRatio: 0.05,
	}, c)
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ value, want string }{
		"AGENT_API_URL":          {"ftp://x", "want http(s)://host"},
		"AGENT_AUTH":             {"basic", "want token or sigv4"},
		"AGENT_TOKEN":            {"x", "without use"},
		"AWS_REGION":             {"", "required"},
		"AGENT_SOURCE_HOSTS":     {"", "required"},
		"AGENT_INSECURE_SOURCES": {"yes", "invalid syntax"},
		"AGENT_RETAIN":           {"24", "missing unit"},
		"AGENT_STOP_TIMEOUT":     {"0s", "want 1s to 10m"},
		"AGENT_MAX_LEASES":       {"17", "want 1 to 16, got 17"},
		"AGENT_CONNECTIONS":      {"", "set, but empty"},
		"AGENT_LOG_LEVEL":        {"loud", "unknown name"},
		"AGENT_NAME":             {"a\x1bb", "want up to 128"},
		"AGENT_MAXLEASES":        {"4", "no such setting; did you mean AGENT_MAX_LEASES?"},

		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": {"localhost:4317", "want http(s)://host[:port]/path"},
		"OTEL_TRACES_SAMPLER_ARG":            {"5", "want 0 to 1, got 5"},
	} {
		env := valid()
		env[key] = c.value
		_, err := Parse(env)
		require.ErrorContains(t, err, key+": ", c.value)
		require.ErrorContains(t, err, c.want, key)
	}
	env := valid()
	env["AGENT_SOURCE_HOSTS"] = "https://x"
	_, err := Parse(env)
	require.ErrorContains(t, err, "AGENT_SOURCE_HOSTS")
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse(map[string]string{
		"AGENT_AUTH": "sigv4", "AGENT_MAX_LEASES": "many", "AGENT_RETAIN": "-1h", "AGENT_RETIAN": "1", "OTEL_TRACES_SAMPLER_ARG": "some",
	})
	require.Error(t, err)
	for _, key := range []string{
		"AGENT_API_URL", "AWS_REGION", "AGENT_MAX_LEASES", "AGENT_RETAIN", "AGENT_RETIAN", "AGENT_SOURCE_HOSTS", "OTEL_TRACES_SAMPLER_ARG",
	} {
		require.Equal(t, 1, strings.Count(err.Error(), "- "+key+":"), err.Error())
	}
	require.ErrorContains(t, err, "7 problem(s)")
}

func TestSecretsStayOutOfMessages(t *testing.T) {
	t.Parallel()
	_, err := Parse(map[string]string{"AGENT_API_URL": "https://x", "AGENT_TOKEN": "hidden value", "AGENT_SOURCE_HOSTS": "x"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hidden")
}

func TestParseClientNeedsNoSources(t *testing.T) {
	t.Parallel()
	// A person's command ignores where other programs on the machine send their traces.
	_, err := ParseClient(map[string]string{
		"AGENT_API_URL": "https://x", "AGENT_TOKEN": "x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "localhost:4317",
	})
	require.NoError(t, err)
	_, err = ParseClient(map[string]string{"AGENT_API_URL": "https://x"})
	require.ErrorContains(t, err, "AGENT_TOKEN: required")
}

// What Azure Pipelines, Jenkins and others set is theirs. Only what looks like a misspelt setting stops `run`, and nothing but
// its own settings stops a person's command.
func TestVariablesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	foreign := map[string]string{
		"AGENT_ID": "2", "AGENT_BUILDDIRECTORY": "/b", "AGENT_HOMEDIRECTORY": "/h", "AGENT_JOBNAME": "j", "AGENT_JOBSTATUS": "Succeeded",
		"AGENT_MACHINENAME": "m", "AGENT_NAME": "Azure Pipelines 2", "AGENT_OS": "Linux", "AGENT_OSARCHITECTURE": "X64",
		"AGENT_TEMPDIRECTORY": "/t", "AGENT_TOOLSDIRECTORY": "/t", "AGENT_WORKFOLDER": "/w", "AGENT_ROOTDIRECTORY": "/r",
		"AGENT_SERVEROMDIRECTORY": "/s", "AGENT_VERSION": "3", "AGENT_ACCEPTTEEEULA": "True", "AGENT_WORKDIR": "/j", "AGENT_SSLLIBRARY": "o",
	}
	env := valid()
	maps.Copy(env, foreign)
	c, err := Parse(env)
	require.NoError(t, err)
	require.Equal(t, "Azure Pipelines 2", c.Name)

	client := map[string]string{"AGENT_API_URL": "https://x", "AGENT_TOKEN": "x"}
	maps.Copy(client, foreign)
	maps.Copy(client, map[string]string{"AGENT_MAX_LEASES": "many", "AGENT_RETAIN": "", "AGENT_MAXLEASES": "4", "AGENT_NAME": "a\x1bb"})
	_, err = ParseClient(client)
	require.NoError(t, err)
}
