package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"scalable-backend/services/api"
)

// generator makes requests of a seed: from the document's schemas, about things that earlier answers told it of, half of them
// with something wrong.
type generator struct {
	*rand.Rand
	targets []*target
	spec    *openapi3.T
	known   map[string][]string // ids and tokens by name of the parameter
	etags   map[string]string
	uploads map[string]string // file of an upload
	tokens  []string
	digests map[string]api.File
}

func newGenerator(spec *openapi3.T, r *rand.Rand) *generator {
	g := &generator{
		Rand:    r,
		targets: targets(spec),
		spec:    spec,
		known:   map[string][]string{},
		etags:   map[string]string{},
		uploads: map[string]string{},
		digests: map[string]api.File{},
	}
	for range 3 {
		g.known["agent_id"] = append(g.known["agent_id"], g.uuid())
	}
	return g
}

func (g *generator) uuid() string {
	id, _ := uuid.FromBytes(fmt.Appendf(nil, "%016x", g.Uint64()))
	return id.String()
}

// recent picks one of the latest few, so that related requests meet.
func (g *generator) recent(name string) string {
	list := g.known[name]
	if len(list) == 0 || g.IntN(12) == 0 {
		return g.uuid()
	}
	return list[len(list)-1-g.IntN(min(4, len(list)))]
}

// weights make what leads further come more often.
var weights = map[string]int{
	"createFile":     4,
	"createUpload":   2,
	"completeUpload": 2,
	"createJobs":     5,
	"createLeases":   4,
	"putOutcome":     6,
	"postHeartbeat":  4,
}

func (g *generator) pick() *target {
	n := 0
	for _, o := range g.targets {
		n += max(1, weights[o.id])
	}
	n = g.IntN(n)
	for _, o := range g.targets {
		if n -= max(1, weights[o.id]); n < 0 {
			return o
		}
	}
	panic("unreachable")
}

func (g *generator) next() *generated {
	op := g.pick()
	r := &generated{op: op, method: op.method, header: http.Header{}, params: map[string]string{}, door: op.doors[g.IntN(len(op.doors))]}
	g.authorize(r)
	query := url.Values{}
	g.parameters(r, query)
	path := op.path
	for name, value := range r.params {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	var body any
	if op.body != nil {
		body = g.value(op.body, "")
		g.sensible(op, body)
		r.header.Set("Content-Type", "application/json")
	}
	wrong := g.IntN(2) == 0
	if wrong && body != nil && g.IntN(4) > 0 {
		body = g.spoil(body)
		harmless(body)
	}
	if body != nil {
		r.body, _ = json.Marshal(body)
	}
	r.path = path
	if len(query) > 0 {
		r.path += "?" + query.Encode()
	}
	if wrong {
		g.spoilRequest(r)
	}
	return r
}

func (g *generator) authorize(r *generated) {
	if r.door == "gateway" {
		// The same caller everywhere: else no lease would be its own.
		r.header.Set("X-Gateway-Caller", agentARN)
		return
	}
	r.header.Set("Authorization", "Bearer "+adminToken)
	if len(g.tokens) > 0 && g.IntN(8) == 0 {
		r.header.Set("Authorization", "Bearer "+g.tokens[g.IntN(len(g.tokens))])
	}
}

func (g *generator) parameters(r *generated, query url.Values) {
	for _, p := range r.op.parameters {
		switch {
		case p.In == "path":
			r.params[p.Name] = g.recent(p.Name)
		case p.Name == "If-Match" && g.IntN(2) == 0:
			r.header.Set(p.Name, g.etag(r.params["file_id"]))
		case p.Name == "Idempotency-Key" && g.IntN(3) == 0:
			r.header.Set(p.Name, fmt.Sprint("key-", g.IntN(20)))
		case p.In != "query" || g.IntN(3) > 0:
		case p.Name == "page_token":
			if list := g.known["page_token/"+r.op.id]; len(list) > 0 {
				query.Set(p.Name, list[len(list)-1])
			}
		case p.Name == "page_size":
			query.Set(p.Name, fmt.Sprint(1+g.IntN(20)))
		case p.Name == "file_id":
			query.Set(p.Name, g.recent(p.Name))
		default:
			query.Set(p.Name, fmt.Sprint(g.value(p.Schema.Value, p.Name)))
		}
	}
	if id := r.params["upload_id"]; g.uploads[id] != "" {
		r.params["file_id"] = g.uploads[id]
	}
}

func (g *generator) etag(file string) string {
	if tag, ok := g.etags[file]; ok && g.IntN(2) == 0 {
		return tag
	}
	return `"another"`
}

// value makes a value that the schema allows.
func (g *generator) value(s *openapi3.Schema, name string) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[g.IntN(len(s.Enum))]
	case s.Type.Is("object"):
		object := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, key) || g.IntN(2) == 0 {
				object[key] = g.value(s.Properties[key].Value, key)
			}
		}
		return object
	case s.Type.Is("array"):
		list := []any{}
		least := int(s.MinItems)
		for range least + g.IntN(3) {
			v := g.value(s.Items.Value, name)
			if !s.UniqueItems || !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
		return list
	case s.Type.Is("integer"):
		least, most := int64(0), int64(1)<<40
		if s.Min != nil {
			least = int64(*s.Min)
		}
		if s.Max != nil {
			most = int64(*s.Max)
		}
		switch g.IntN(4) {
		case 0:
			return least
		case 1:
			return most
		}
		return least + g.Int64N(most-least+1)
	case s.Type.Is("boolean"):
		return g.IntN(2) == 0
	}
	return g.text(s, name)
}

func (g *generator) text(s *openapi3.Schema, name string) string {
	switch {
	case s.Format == "date-time":
		return future()
	case s.MaxLength != nil && *s.MaxLength == 36 && s.Pattern != "":
		return g.recent(name)
	case s.MaxLength != nil && *s.MaxLength == 64 && s.Pattern != "":
		return strings.ReplaceAll(g.uuid()+g.uuid(), "-", "")
	case s.Pattern != "": // a path
		return []string{"a/b", "ä.bin", strings.Repeat("x", 200), "with space/☃", "%2e%2e/x", fmt.Sprint("f", g.IntN(1000))}[g.IntN(6)]
	}
	limit := 200
	if s.MaxLength != nil {
		limit = int(*s.MaxLength)
	}
	return []string{"x", "text with \"quotes\" and ä☃😀", strings.Repeat("ä", limit), "'; DROP TABLE jobs; --", "0"}[g.IntN(5)]
}

// sensible changes a body so that the catalogue may agree with it too, and so that nobody waits.
func (g *generator) sensible(op *target, body any) {
	object := body.(map[string]any)
	switch op.id {
	case "createFile":
		if g.IntN(4) > 0 { // empty files can be completed without their bytes
			object["size"], object["sha256"], object["part_digests"] = 0, hexDigest(nil), []any{}
		}
	case "createLeases":
		object["wait_s"] = 0
	case "createJobs":
		for _, j := range object["jobs"].([]any) {
			if g.IntN(2) == 0 {
				j.(map[string]any)["dest"] = fmt.Sprint("d", g.Uint32())
			}
		}
	case "putOutcome":
		if g.IntN(2) == 0 {
			object["status"], object["sha256"], object["bytes"] = "succeeded", hexDigest(nil), 0
		}
	}
}

// harmless keeps a spoilt body from waiting for work.
func harmless(body any) {
	if object, ok := body.(map[string]any); ok {
		if n, ok := object["wait_s"].(int64); ok && n > 0 && n <= 20 {
			object["wait_s"] = 0
		}
	}
}

// learn keeps what an answer tells of.
func (g *generator) learn(r *generated, status int, body []byte) {
	if status >= 300 {
		return
	}
	var a struct {
		ID     string  `json:"id"`
		FileID string  `json:"file_id"`
		Next   *string `json:"next_page_token"`
		Token  string  `json:"token"`
		Info   struct{ ID string }
		Jobs   []struct{ Job struct{ ID string } }
		Leases []struct {
			LeaseID string `json:"lease_id"`
		}
	}
	if json.Unmarshal(body, &a) != nil {
		return
	}
	remember := func(name, value string) {
		if value != "" {
			g.known[name] = append(g.known[name], value)
		}
	}
	switch r.op.id {
	case "createFile":
		remember("file_id", a.ID)
	case "getFile":
		var f api.File
		if json.Unmarshal(body, &f) == nil {
			g.digests[f.Id] = f
		}
	case "createUpload":
		remember("upload_id", a.ID)
		g.uploads[a.ID] = a.FileID
	case "createJobs":
		for _, j := range a.Jobs {
			remember("job_id", j.Job.ID)
		}
	case "createLeases":
		for _, l := range a.Leases {
			remember("lease_id", l.LeaseID)
		}
	case "createToken":
		remember("token_id", a.Info.ID)
		g.tokens = append(g.tokens, a.Token)
	}
	if a.Next != nil {
		remember("page_token/"+r.op.id, *a.Next)
	}
}
