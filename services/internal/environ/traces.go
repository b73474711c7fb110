package environ

import "net/url"

// The variables of traces, by OpenTelemetry's own names: one collector takes the traces of all programs of a machine.
const (
	TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	TracesRatio    = "OTEL_TRACES_SAMPLER_ARG"
)

// Traces checks where traces go, if anywhere, and how many.
func Traces(c *Check, endpoint string, ratio float64) {
	Within(c, TracesRatio, ratio, 0, 1)
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	// The value may hold a password and stays out of the message.
	c.That(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && len(u.Path) > 1 &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "",
		"%s: want http(s)://host[:port]/path, without user or query, usually with the path /v1/traces", TracesEndpoint)
}
