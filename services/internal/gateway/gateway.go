// Package gateway stands in for API Gateway on one machine. It reads the document that API Gateway would import and does what
// the document says: it knows the document's operations and no others, checks each request's AWS signature, validates, fills
// the integration's headers and path, names the caller in the identity header, overwriting whatever the client sent, and
// passes the request on through the VPC link to the backends' gateway door.
package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxBody is API Gateway's limit in both directions (Amazon API Gateway Developer Guide, "Quotas for configuring and running a
// REST API").
const maxBody = 10 << 20

// Config is what a gateway is made of.
type Config struct {
	Document   []byte // OpenAPI with API Gateway's extensions
	Stage      string // the path's first segment
	Region     string
	Identities []Identity
	Link       http.RoundTripper // the VPC link: it decides where a request to the integration's address really goes
}

// Handler is the gateway's endpoint.
type Handler struct {
	Config
	document *document
}

// New makes a gateway. A document that asks for anything that this stand-in does not do is an error.
func New(c Config) (*Handler, error) {
	d, err := parseDocument(c.Document)
	if err != nil {
		return nil, err
	}
	if c.Stage == "" || c.Region == "" || c.Link == nil {
		return nil, errors.New("gateway.Config: Stage, Region and Link are required")
	}
	return &Handler{Config: c, document: d}, nil
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	response, f := h.serve(w, r, id)
	if f != nil {
		h.document.refuse(w, f, id)
		return
	}
	header := w.Header()
	for name, values := range response.header {
		if name == "Www-Authenticate" {
			name = "X-Amzn-Remapped-Www-Authenticate"
		}
		header[name] = values
	}
	dropHopByHop(header)
	header.Set("X-Amzn-Requestid", id)
	header.Set("Content-Length", strconv.Itoa(len(response.body)))
	w.WriteHeader(response.status)
	_, _ = w.Write(response.body)
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, id string) (*answer, *failure) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, tooLarge
	}
	path, staged := strings.CutPrefix(r.URL.EscapedPath(), "/"+h.Stage)
	op, values := h.document.find(r.Method, path)
	if !staged || op == nil {
		return nil, missingToken // so API Gateway says that there is no such operation
	}
	identity, f := h.authenticate(r, body)
	if f != nil {
		return nil, f
	}
	if f := op.validate(r, body); f != nil {
		return nil, f
	}
	ctx, cancel := context.WithTimeout(r.Context(), op.timeout)
	defer cancel()
	response, err := h.Link.RoundTrip(op.request(ctx, r, body, values, map[string]string{
		"context.identity.userArn": identity.ARN, "context.requestId": id,
	}))
	if err != nil {
		return nil, broken(ctx)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, broken(ctx)
	case len(text) > maxBody:
		return nil, tooLargeResponse
	}
	return &answer{response.StatusCode, response.Header, text}, nil
}

func broken(ctx context.Context) *failure {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return timedOut
	}
	return unreachable
}

// validate does what the operation's request validator asks for. A body of another type than the model's passes through.
func (o *operation) validate(r *http.Request, body []byte) *failure {
	var missing []string
	for _, p := range o.source.Parameters {
		if o.validateParameters && p.Value.Required && p.Value.In == "query" && !r.URL.Query().Has(p.Value.Name) {
			missing = append(missing, p.Value.Name)
		}
	}
	if len(missing) > 0 {
		return missingParameters(missing)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if !o.validateBody || o.source.RequestBody == nil || kind != "" && kind != "application/json" {
		return nil
	}
	content := o.source.RequestBody.Value.Content.Get("application/json")
	if content == nil || len(body) == 0 && !o.source.RequestBody.Value.Required {
		return nil
	}
	var v any
	if json.Unmarshal(body, &v) != nil || content.Schema.Value.VisitJSON(v) != nil {
		return wrongBody
	}
	return nil
}

// request is the integration's request: everything of the client's but its signature, then the mapped values.
func (o *operation) request(ctx context.Context, r *http.Request, body []byte, path, values map[string]string) *http.Request {
	for name, value := range path {
		values["method.request.path."+name] = value
	}
	segments := strings.Split(o.uri.Path, "/")
	for i, segment := range segments {
		if name, ok := parameter(segment); ok {
			segments[i] = values[o.path[name]]
		}
	}
	raw := strings.Join(segments, "/")
	out := r.Clone(ctx)
	out.URL = &url.URL{Scheme: o.uri.Scheme, Host: o.uri.Host, RawPath: raw, RawQuery: r.URL.RawQuery}
	if out.URL.Path, _ = url.PathUnescape(raw); out.URL.Path == "" {
		out.URL.Path = "/"
	}
	out.Host, out.RequestURI = o.uri.Host, ""
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	dropHopByHop(out.Header)
	for _, name := range []string{"Authorization", "X-Amz-Security-Token"} {
		out.Header.Del(name)
	}
	if out.Header.Get("X-Amzn-Trace-Id") == "" {
		var random [12]byte
		_, _ = rand.Read(random[:])
		out.Header.Set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(time.Now().Unix(), 16)+"-"+hex.EncodeToString(random[:]))
	}
	for name, from := range o.headers {
		out.Header.Set(name, values[from])
	}
	return out
}

var hopByHop = []string{
	"Connection",
	"Keep-Alive",
	"Proxy-Authenticate",
	"Proxy-Authorization",
	"Te",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
}

// dropHopByHop removes what concerns one connection alone (RFC 9110, 7.6.1).
func dropHopByHop(h http.Header) {
	named := strings.Split(strings.Join(h.Values("Connection"), ","), ",")
	for _, name := range slices.Concat(hopByHop, named) {
		h.Del(strings.TrimSpace(name))
	}
}
