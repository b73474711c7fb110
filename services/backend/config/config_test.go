package config_test

import (
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/config"
)

func local() map[string]string {
	return map[string]string{
		"BACKEND_STACK": "dev", "BACKEND_BUCKET": "files", "AWS_REGION": "eu-central-1",
		"BACKEND_DATABASE_URL": "postgres:///backend?host=/run/pg", "BACKEND_ADMIN_TOKEN": "0123456789abcdef",
		"PATH": "/bin", "AGENT_UNRELATED": "x",
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, err := config.Parse(local())
	require.NoError(t, err)
	require.Equal(t, config.Config{
		PublicAddr: ":8080", GatewayAddr: ":8081", Stack: "dev", Stage: "live", Region: "eu-central-1", Bucket: "files",
		DatabaseURL: "postgres:///backend?host=/run/pg", DatabaseCAFile: "/etc/ssl/rds/global-bundle.pem", DatabaseMaxConns: 20,
		AdminToken: "0123456789abcdef", LeaseTTL: time.Minute, SweepInterval: 5 * time.Second, URLTTL: 15 * time.Minute,
		RetainEnded: 720 * time.Hour, RetainDead: 2160 * time.Hour, BucketSweepInterval: time.Minute,
		RateLimit: 200, DrainTimeout: 45 * time.Second, LogLevel: slog.LevelInfo, MetricsNamespace: "ScalableBackend",
		TracesRatio: 0.05,
	}, got)
}

func TestDeployed(t *testing.T) {
	t.Parallel()
	got, err := config.Parse(map[string]string{
		"BACKEND_PUBLIC_ADDR": ":8080", "BACKEND_GATEWAY_ADDR": ":8081", "BACKEND_STACK": "prod", "BACKEND_STAGE": "live",
		"BACKEND_BUCKET": "b-1", "AWS_REGION": "us-east-1", "BACKEND_METRICS_NAMESPACE": "ScalableBackend", "BACKEND_LOG_LEVEL": "debug",
		"BACKEND_DATABASE_SECRET_ARN":    "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
		"BACKEND_ADMIN_TOKEN_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:admin-AbCdEf",
		"BACKEND_DRAIN_TIMEOUT":          "0",

		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces", "OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_UNRELATED": "x",
	})
	require.NoError(t, err)
	require.Equal(t, "http://localhost:4318/v1/traces", got.TracesEndpoint)
	require.EqualValues(t, 1, got.TracesRatio)
	require.Equal(t, slog.LevelDebug, got.LogLevel)
	require.Zero(t, got.DrainTimeout)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		key, value, want string
	}{
		"unknown key":     {"BACKEND_LEASE_TLL", "60s", "BACKEND_LEASE_TLL: no such setting"},
		"no unit":         {"BACKEND_LEASE_TTL", "60", "BACKEND_LEASE_TTL: "},
		"out of range":    {"BACKEND_LEASE_TTL", "10ms", "BACKEND_LEASE_TTL: want 1s to 1h, got 10ms"},
		"not a number":    {"BACKEND_DATABASE_MAX_CONNS", "many", "BACKEND_DATABASE_MAX_CONNS: "},
		"negative":        {"BACKEND_RATE_LIMIT", "-1", "BACKEND_RATE_LIMIT: want 0 to"},
		"level":           {"BACKEND_LOG_LEVEL", "loud", "BACKEND_LOG_LEVEL: "},
		"address":         {"BACKEND_PUBLIC_ADDR", "8080", "BACKEND_PUBLIC_ADDR: want host:port"},
		"same address":    {"BACKEND_GATEWAY_ADDR", ":8080", "want another address"},
		"no bucket":       {"BACKEND_BUCKET", "", "BACKEND_BUCKET: required"},
		"no stack":        {"BACKEND_STACK", "", "BACKEND_STACK: required"},
		"no region":       {"AWS_REGION", "", "AWS_REGION: required"},
		"short token":     {"BACKEND_ADMIN_TOKEN", "secret!", "BACKEND_ADMIN_TOKEN: want 16 to 256 characters, got 7"},
		"no token":        {"BACKEND_ADMIN_TOKEN", "", "BACKEND_ADMIN_TOKEN_SECRET_ARN: required"},
		"no database":     {"BACKEND_DATABASE_URL", "", "BACKEND_DATABASE_SECRET_ARN: required"},
		"foreign scheme":  {"BACKEND_DATABASE_URL", "mysql://u:hunter2@h/d", "BACKEND_DATABASE_URL: want a URL"},
		"both":            {"BACKEND_DATABASE_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:x", "want one of them"},
		"not an ARN":      {"BACKEND_ADMIN_TOKEN_SECRET_ARN", "my-secret", "not the ARN of a secret"},
		"endpoint":        {"BACKEND_S3_ENDPOINT", "localhost:7070", "BACKEND_S3_ENDPOINT: want a URL"},
		"stage":           {"BACKEND_STAGE", "a/b", "BACKEND_STAGE: want letters"},
		"metrics":         {"BACKEND_METRICS_NAMESPACE", "a b", "not a CloudWatch namespace"},
		"drain too long":  {"BACKEND_DRAIN_TIMEOUT", "1h", "BACKEND_DRAIN_TIMEOUT: want 0s to 10m, got 1h0m0s"},
		"retention":       {"BACKEND_RETAIN_ENDED", "30m", "BACKEND_RETAIN_ENDED: want 0 or 1h to 87600h, got 30m0s"},
		"dead":            {"BACKEND_RETAIN_DEAD", "-1h", "BACKEND_RETAIN_DEAD: want 0 or 1h to 87600h"},
		"bucket sweep":    {"BACKEND_BUCKET_SWEEP_INTERVAL", "25h", "BACKEND_BUCKET_SWEEP_INTERVAL: want 0 or 1s to 24h"},
		"sweep too often": {"BACKEND_SWEEP_INTERVAL", "1ms", "BACKEND_SWEEP_INTERVAL"},
		"traces, scheme": {
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
			"grpc://u:hunter2@h:4317/x",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want http(s)://",
		},
		"traces, host":    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want"},
		"traces, no path": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want"},
		"traces, user":    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://u:hunter2@h/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want"},
		"traces, query":   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/v1/traces?key=hunter2", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want"},
		"ratio, above":    {"OTEL_TRACES_SAMPLER_ARG", "1.01", "OTEL_TRACES_SAMPLER_ARG: want 0 to 1, got 1.01"},
		"ratio, below":    {"OTEL_TRACES_SAMPLER_ARG", "-0.1", "OTEL_TRACES_SAMPLER_ARG: want 0 to 1, got -0.1"},
		"ratio, NaN":      {"OTEL_TRACES_SAMPLER_ARG", "NaN", "OTEL_TRACES_SAMPLER_ARG: want 0 to 1, got NaN"},
		"ratio, text":     {"OTEL_TRACES_SAMPLER_ARG", "5%", "OTEL_TRACES_SAMPLER_ARG: "},
		"ratio, empty":    {"OTEL_TRACES_SAMPLER_ARG", "", "OTEL_TRACES_SAMPLER_ARG: set, but empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := maps.Clone(local())
			environ[c.key] = c.value
			got, err := config.Parse(environ)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.Zero(t, got)
		})
	}
}

func TestAllProblemsInOneError(t *testing.T) {
	t.Parallel()
	_, err := config.Parse(map[string]string{
		"BACKEND_TYPO": "1", "BACKEND_LEASE_TTL": "soon", "BACKEND_URL_TTL": "99h", "BACKEND_RATE_LIMIT": "x", "BACKEND_STACK": "dev",
		"AWS_REGION":              "r",
		"OTEL_TRACES_SAMPLER_ARG": "2", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "localhost:4317",
	})
	require.ErrorContains(t, err, "9 problem(s)")
	for _, want := range []string{"BACKEND_TYPO", "BACKEND_LEASE_TTL", "BACKEND_URL_TTL", "BACKEND_RATE_LIMIT", "BACKEND_BUCKET",
		"BACKEND_DATABASE_SECRET_ARN", "BACKEND_ADMIN_TOKEN_SECRET_ARN", "OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		require.ErrorContains(t, err, want)
	}
}
