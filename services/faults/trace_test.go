package faults

import (
	"encoding/hex"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"scalable-backend/services/internal/gateway"
	"scalable-backend/services/internal/tracing/collector"
)

// gatewayTo stands API Gateway's stand-in before a backend and returns the environment of an agent that goes through it.
func (s *system) gatewayTo(p *program) map[string]string {
	s.t.Helper()
	key := gateway.Identity{
		ARN:             "arn:aws:sts::000000000000:assumed-role/agents/traced",
		AccessKeyID:     "AKIATRACEDAGENT",
		SecretAccessKey: "the-secret-key-of-the-agent",
	}
	document, err := gateway.Planned("dev")
	require.NoError(s.t, err)
	handler, err := gateway.New(gateway.Config{
		Document: document, Stage: "live", Region: s.s3.Region, Identities: []gateway.Identity{key},
		Link: gateway.NewBalancer(strings.TrimPrefix(doors(p)["gateway"], "http://")),
	})
	require.NoError(s.t, err)
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	return map[string]string{
		"AGENT_API_URL": server.URL + "/live", "AGENT_AUTH": "sigv4", "AGENT_TOKEN": "", "AWS_REGION": s.s3.Region,
		"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey,
	}
}

// A job is one trace, from the agent through API Gateway and the backend to PostgreSQL, and none of its spans holds anything
// that would let somebody in. The backend begins no trace of its own here: it goes by what the agent has decided.
func TestAJobIsOneTrace(t *testing.T) {
	t.Parallel()
	c := collector.New(t)
	s := newSystem(t)
	backend := s.backend(map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER_ARG": "0", "BACKEND_LOG_LEVEL": "debug",
	})
	env := s.gatewayTo(backend)
	env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], env["OTEL_TRACES_SAMPLER_ARG"] = c.URL, "1"
	o := s.upload(part + 1)
	job := s.submit(o, "f")
	agent := s.agent(t.TempDir(), env)
	s.succeeded(job.Id)
	agent.signal(syscall.SIGTERM)
	require.Zero(t, agent.ended(), "the last spans are delivered at the end")
	backend.signal(syscall.SIGTERM)
	require.Zero(t, backend.ended())

	root := c.Await("job", func(s collector.Span) bool { return s.Name == "job" && s.Attr("job.id") == job.Id })
	require.Empty(t, root.ParentSpanId)
	require.Equal(t, "agent", root.Service)
	require.Equal(t, o.Id, root.Attr("file.id"))
	call := below(t, c, root, "agent", "PUT /v1/leases/{id}/outcome", otlp.Span_SPAN_KIND_CLIENT)
	below(t, c, root, "agent", "transfer", otlp.Span_SPAN_KIND_INTERNAL)
	below(t, c, root, "agent", "publish", otlp.Span_SPAN_KIND_INTERNAL)
	served := below(t, c, call, "backend", "PUT /v1/leases/{lease_id}/outcome", otlp.Span_SPAN_KIND_SERVER)
	require.Equal(t, "gateway", served.Attr("door"))
	require.Equal(t, "faults", served.Resource["deployment.environment.name"])
	shared := below(t, c, served, "backend", "report together", otlp.Span_SPAN_KIND_INTERNAL) // with others, if there were any
	below(t, c, shared, "backend", "pool.acquire", otlp.Span_SPAN_KIND_CLIENT)
	require.True(t, slices.ContainsFunc(c.Spans(), func(s collector.Span) bool {
		return s.Service == "backend" && s.Name == "POST /v1/leases"
	}), "an agent's poll is a trace, too")

	id := hex.EncodeToString(root.TraceId)
	require.Equal(t, id, agent.await("lease ended", 1)["trace_id"])
	require.True(t, slices.ContainsFunc(backend.said("request"), func(line map[string]any) bool {
		return line["trace_id"] == id && line["route"] == "putOutcome"
	}), "the log has the span's trace id")
	for _, span := range c.Spans() {
		require.False(t, span.Service == "backend" && len(span.ParentSpanId) == 0, "%s: the backend's ratio is 0", span.Name)
	}
	for _, secret := range []string{
		adminToken, "X-Amz-", "Signature", "the-secret-key-of-the-agent", s.s3.SecretKey, s.s3.AccessKey, "AWS4-HMAC", "Bearer", "password",
		o.Sha256,
	} {
		require.NotContains(t, c.Text(), secret)
	}
}

// below waits for a span right below another one.
func below(t *testing.T, c *collector.Collector, parent collector.Span, service, name string, kind otlp.Span_SpanKind) collector.Span {
	t.Helper()
	return c.Await(name+" below "+parent.Name, func(s collector.Span) bool {
		return s.Service == service && strings.EqualFold(s.Name, name) && s.Kind == kind &&
			string(s.TraceId) == string(parent.TraceId) && string(s.ParentSpanId) == string(parent.SpanId)
	})
}

// A collector that takes connections and never answers costs neither a job nor a request nor much time at the end.
func TestCollectorHangs(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hung.Close()
	traces := map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://" + hung.Addr().String() + "/v1/traces",
		"OTEL_TRACES_SAMPLER_ARG":            "1",
	}
	s := newSystem(t)
	backend := s.backend(traces)
	job := s.submit(s.upload(part+1), "f")
	agent := s.agent(t.TempDir(), traces)
	s.succeeded(job.Id)
	const requests = 50
	began := time.Now()
	for range requests {
		require.NoError(t, s.served("/v1/stats"))
	}
	require.Less(t, time.Since(began), requests*4*time.Second, "an upload that nobody answers takes 5 s")
	for _, p := range []*program{agent, backend} {
		began := time.Now()
		p.signal(syscall.SIGTERM)
		require.Zero(t, p.ended())
		require.Less(t, time.Since(began), patience/2)
		// The last upload ends by its own limit or by the one of the end, whichever is first: the log tells in either case.
		require.NotEmpty(t, slices.Concat(p.said("spans were lost"), p.said("traces are not delivered")))
	}
}
