package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/api"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

var sampled = http.Header{"Traceparent": {"00-" + callersTrace + "-" + callersSpan + "-01"}}

// tracedSetup records spans of all parts; what begins at this backend with a probability of ratio.
func tracedSetup(t *testing.T, ratio float64) (*bundle, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(spans),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
	)
	b := setup(t, func(o *options) { o.tracer = provider })
	require.Empty(t, spans.Started(), "connecting and migrating is nobody's request")
	return b, spans
}

func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	texts := map[string]string{}
	for _, a := range s.Attributes() {
		texts[string(a.Key)] = a.Value.String()
	}
	return texts
}

// server returns the spans of requests that have ended so far.
func server(t *testing.T, spans *tracetest.SpanRecorder, count int) (found []sdktrace.ReadOnlySpan) {
	t.Helper()
	require.Eventually(t, func() bool { // a span ends a moment after its answer
		found = nil
		for _, s := range spans.Ended() {
			if s.SpanKind() == trace.SpanKindServer {
				found = append(found, s)
			}
		}
		return len(found) >= count
	}, time.Minute, 5*time.Millisecond)
	require.Len(t, found, count)
	return found
}

func children(spans *tracetest.SpanRecorder, of sdktrace.ReadOnlySpan) map[string][]sdktrace.ReadOnlySpan {
	byName := map[string][]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		if s.SpanContext().TraceID() == of.SpanContext().TraceID() && s.SpanContext().SpanID() != of.SpanContext().SpanID() {
			byName[s.Name()] = append(byName[s.Name()], s)
		}
	}
	return byName
}

// On the gateway's door the caller's trace goes on, with statements and S3 calls below the request; a span holds the route and
// not the path, and no parameter of a statement.
func TestGatewayDoorGoesOnWithTheTrace(t *testing.T) {
	t.Parallel()
	b, spans := tracedSetup(t, 0)
	id := uuid.NewString()
	p := problemOf(t, b.do(404, request{gateway: true, method: "GET", path: "/live/v1/jobs/" + id + "?", header: sampled}))
	span := server(t, spans, 1)[0]
	require.Equal(t, callersTrace, *p.TraceId)
	require.Equal(t, callersTrace, span.SpanContext().TraceID().String())
	require.Equal(t, callersSpan, span.Parent().SpanID().String())
	require.Equal(t, "GET /v1/jobs/{job_id}", span.Name())
	require.Equal(t, codes.Unset, span.Status().Code)
	require.Equal(t, map[string]string{
		"http.request.method": "GET", "http.route": "/v1/jobs/{job_id}", "http.response.status_code": "404", "door": "gateway",
		"enduser.id": "arn:aws:sts::123456789012:assumed-role/agent/1",
	}, attributes(span))
	statements := children(spans, span)["SELECT"]
	require.NotEmpty(t, statements)
	require.Equal(t, "postgresql", attributes(statements[0])["db.system.name"])
	for _, s := range spans.Ended() {
		for key, value := range attributes(s) {
			require.NotContains(t, value, id, "%s: %s", s.Name(), key)
		}
	}
}

func TestStoreCallsAreSpans(t *testing.T) {
	t.Parallel()
	b, spans := tracedSetup(t, 1)
	data := []byte("some bytes")
	b.ready("f", data)
	server(t, spans, 4) // all of them have ended
	names := map[string]int{}
	for _, s := range spans.Ended() {
		names[s.Name()]++
		if strings.HasPrefix(s.Name(), "S3 ") {
			require.Equal(t, trace.SpanKindClient, s.SpanKind())
			require.True(t, s.Parent().IsValid())
			require.Contains(t, attributes(s), "aws.s3.bucket")
		}
		for key, value := range attributes(s) {
			for _, secret := range []string{"X-Amz-Signature", adminToken, "X-Amz-Credential", "http://"} {
				require.NotContains(t, value, secret, "%s: %s", s.Name(), key)
			}
		}
	}
	require.Equal(t, 1, names["S3 CreateMultipartUpload"])
	require.Equal(t, 1, names["S3 CompleteMultipartUpload"])
	require.Zero(t, names["S3 UploadPart"]+names["S3 GetObject"], "presigning asks nobody")
	require.Equal(t, 1, names["PUT /v1/files/{file_id}/uploads/{upload_id}/completion"])
}

// Only callers that IAM has let in decide what is recorded.
func TestPublicDoorBeginsItsOwnTrace(t *testing.T) {
	t.Parallel()
	b, spans := tracedSetup(t, 0)
	ids := map[string]bool{}
	for range 20 {
		ids[*problemOf(t, b.do(404, request{method: "GET", path: "/v1/jobs/" + uuid.NewString(), header: sampled})).TraceId] = true
	}
	b.do(401, request{gateway: true, token: "-", method: "GET", path: "/live/v1/stats", header: sampled})
	require.NotContains(t, ids, callersTrace)
	require.Len(t, ids, 20)
	require.Empty(t, spans.Started())

	b, spans = tracedSetup(t, 1)
	p := problemOf(t, b.do(404, request{method: "GET", path: "/v1/jobs/" + uuid.NewString(), header: sampled}))
	span := server(t, spans, 1)[0]
	require.Equal(t, *p.TraceId, span.SpanContext().TraceID().String())
	require.False(t, span.Parent().IsValid())
	require.Len(t, span.Links(), 1)
	require.Equal(t, callersTrace, span.Links()[0].SpanContext.TraceID().String())
	require.Equal(t, "public", attributes(span)["door"])
	require.Equal(t, "token:00000000-0000-4000-8000-000000000001", attributes(span)["enduser.id"])
}

func TestRequestsWithoutRoute(t *testing.T) {
	t.Parallel()
	b, spans := tracedSetup(t, 1)
	b.do(404, request{method: "GET", path: "/no/such/secret"})
	b.do(405, request{method: "PATCH", path: "/v1/stats"})
	b.do(200, request{method: "GET", path: "/healthz", token: "-"})
	b.do(200, request{method: "GET", path: "/", token: "-"})
	names := map[string]string{}
	for _, s := range server(t, spans, 3) {
		names[s.Name()] = attributes(s)["http.response.status_code"]
		require.NotContains(t, attributes(s), "url.path")
	}
	require.Equal(t, map[string]string{"GET": "404", "PATCH": "405", "GET /{$}": "200"}, names)
}

// A long poll looks at the queue every second and at each hint; a trace has the first look alone.
func TestLongPollIsFewSpans(t *testing.T) {
	t.Parallel()
	b, spans := tracedSetup(t, 1)
	agent, wait := uuid.NewString(), 4
	b.call(200, "POST", "/v1/leases", api.LeaseRequest{AgentId: agent, Max: 1, WaitS: new(0)}, nil)
	one := 0
	for _, list := range children(spans, server(t, spans, 1)[0]) {
		one += len(list)
	}
	b.call(200, "POST", "/v1/leases", api.LeaseRequest{AgentId: agent, Max: 1, WaitS: &wait}, nil)
	poll := server(t, spans, 2)[1]
	require.Greater(t, poll.EndTime().Sub(poll.StartTime()), 3*time.Second)
	count := 0
	for _, list := range children(spans, poll) {
		count += len(list)
	}
	t.Logf("%d spans in a poll of %d s, %d without waiting", count, wait, one)
	require.LessOrEqual(t, count, one+4, "a look more: at what is due next")

	before := len(spans.Ended())
	_, _, err := b.store.Sweep(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.store.Ping(t.Context()))
	require.Len(t, spans.Ended(), before, "nobody asked for a sweep")
}
