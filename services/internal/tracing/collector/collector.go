// Package collector is a collector of traces for tests: it takes OTLP over HTTP and keeps what it got.
package collector

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// patience bounds the wait for spans, which are delivered every few seconds.
const patience = 60 * time.Second

// Span is a span and the service that it is from.
type Span struct {
	*otlp.Span
	Service  string
	Resource map[string]string
}

// Collector takes spans at URL.
type Collector struct {
	URL string
	t   testing.TB

	mu    sync.Mutex
	spans []Span
	texts []string
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	c := &Collector{t: t}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL + "/v1/traces"
	return c
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	// An ExportTraceServiceRequest in all but its name.
	var request otlp.TracesData
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("%s %s: no request of OTLP: %v", r.Method, r.URL, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	text := prototext.Format(&request)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
	for _, from := range request.ResourceSpans {
		resource := Attributes(from.Resource.GetAttributes())
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{Span: s, Service: resource["service.name"], Resource: resource})
			}
		}
	}
}

// Spans returns what has come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Text is all that has come so far, for looking for what must not be in it.
func (c *Collector) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.texts, "\n")
}

// Await waits for a span.
func (c *Collector) Await(what string, is func(Span) bool) Span {
	c.t.Helper()
	var found Span
	require.Eventually(c.t, func() bool {
		spans := c.Spans()
		i := slices.IndexFunc(spans, is)
		if i >= 0 {
			found = spans[i]
		}
		return i >= 0
	}, patience, 20*time.Millisecond, "no %s among the spans", what)
	return found
}

// Attr returns an attribute as text, "" without it.
func (s Span) Attr(key string) string { return Attributes(s.Attributes)[key] }

// Attributes turns attributes into texts.
func Attributes(list []*common.KeyValue) map[string]string {
	texts := map[string]string{}
	for _, a := range list {
		switch v := a.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			texts[a.Key] = v.StringValue
		default:
			texts[a.Key] = strings.TrimSpace(prototext.MarshalOptions{}.Format(a.Value))
		}
	}
	return texts
}
