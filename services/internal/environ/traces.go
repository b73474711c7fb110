package environ

import "net/url"

// TracesEndpoint is the variable of traces, by OpenTelemetry's own name: one collector takes the traces of all programs of a
// machine.
const TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

// Traces checks where traces go, if anywhere.
func Traces(c *Check, endpoint string) {
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	// The value may hold a password and stays out of the message.
	c.That(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && len(u.Path) > 1 &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "",
		"%s: want http(s)://host[:port]/path, without user or query, usually with the path /v1/traces", TracesEndpoint)
}
