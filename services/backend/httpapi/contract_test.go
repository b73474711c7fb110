package httpapi_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/internal/conform"
)

// A run is repeated with its seed: go test ./backend/httpapi -run Contract -args -contract.seed=7 -contract.requests=100000
var (
	contractSeed     = flag.Uint64("contract.seed", 1, "seed of the generated requests")
	contractRequests = flag.Int("contract.requests", 10_000, "how many requests are generated")
)

// inProcess hands requests straight to the doors, by host.
type inProcess map[string]http.Handler

func (d inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "127.0.0.1:1", host
	u, err := url.ParseRequestURI(in.RequestURI) // as a server parses it
	if err != nil {
		return nil, err
	}
	in.URL = u
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	d[host].ServeHTTP(rec, in)
	return rec.Result(), nil
}

// Requests made from the document, right ones and ones with something wrong, are answered as the document says, and never by a
// fault of ours.
func TestContract(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doors := inProcess{"public": b.api.Public(), "gateway": b.api.Gateway()}
	spec, err := openapi3.NewLoader().LoadFromData(api.Document)
	require.NoError(t, err)
	t.Logf("%d requests, seed %d", *contractRequests, *contractSeed)

	const workers = 8
	var all sync.WaitGroup
	counts := make([]map[int]int, workers)
	per := make([]map[string]map[int]int, workers)
	for w := range workers {
		counts[w], per[w] = map[int]int{}, map[string]map[int]int{}
		g := newGenerator(spec, rand.New(rand.NewPCG(*contractSeed, uint64(w))))
		report := &described{TB: t}
		client := &conform.Transport{Report: report, Next: doors, Stage: "live"}
		all.Go(func() {
			for i := range *contractRequests / workers {
				r := g.next()
				report.request = fmt.Sprintf("worker %d, request %d: %s", w, i, r)
				status, body, err := r.send(t, client)
				if err != nil {
					t.Errorf("%s: %v", report.request, err)
					continue
				}
				if status >= 500 {
					t.Errorf("%s: %d %s", report.request, status, body)
				}
				counts[w][status]++
				if per[w][r.op.id] == nil {
					per[w][r.op.id] = map[int]int{}
				}
				per[w][r.op.id][status]++
				g.learn(r, status, body)
			}
		})
	}
	all.Wait()
	total, byOperation := map[int]int{}, map[string]map[int]int{}
	for w := range workers {
		for status, n := range counts[w] {
			total[status] += n
		}
		for id, m := range per[w] {
			if byOperation[id] == nil {
				byOperation[id] = map[int]int{}
			}
			for status, n := range m {
				byOperation[id][status] += n
			}
		}
	}
	t.Logf("answers by status: %v", total)
	if *contractRequests < 10_000 {
		return
	}
	// The generator reaches what it is for: each operation succeeds, and each kind of refusal is seen.
	for id, m := range byOperation {
		require.True(t, slices.ContainsFunc([]int{200, 201, 204, 307}, func(s int) bool { return m[s] > 0 }), "%s never succeeded: %v", id, m)
	}
	require.Len(t, byOperation, len(admitted))
	for _, status := range []int{400, 401, 403, 404, 405, 409, 410, 412, 415, 422} {
		require.NotZero(t, total[status], "%d was never seen: %v", status, total)
	}
}

// described adds the request to what is wrong with its answer.
type described struct {
	testing.TB
	request string
}

func (d *described) Errorf(format string, args ...any) {
	d.TB.Errorf("%s: "+format, append([]any{d.request}, args...)...)
}

// generated is one request.
type generated struct {
	op     *target
	door   string
	method string
	path   string // escaped, with the query
	header http.Header
	body   []byte
	params map[string]string
}

func (r *generated) String() string {
	return fmt.Sprintf("%s %s%s %v %.300q", r.method, r.door, r.path, r.header, r.body)
}

func (r *generated) send(t *testing.T, client http.RoundTripper) (int, []byte, error) {
	u, err := url.Parse("http://" + r.door + r.path)
	if err != nil {
		return 0, nil, err
	}
	q := &http.Request{
		Method: r.method, URL: u, Header: r.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)),
	}
	response, err := client.RoundTrip(q.WithContext(t.Context()))
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// target is an operation to be called.
type target struct {
	id, method, path string
	doors            []string
	anonymous        bool
	parameters       []*openapi3.Parameter
	body             *openapi3.Schema
}

func targets(spec *openapi3.T) []*target {
	var all []*target
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			o := &target{id: op.OperationID, method: method, path: path}
			for _, d := range op.Extensions["x-doors"].([]any) {
				o.doors = append(o.doors, d.(string))
			}
			o.anonymous, _ = op.Extensions["x-anonymous"].(bool)
			for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
				for _, p := range list {
					o.parameters = append(o.parameters, p.Value)
				}
			}
			if op.RequestBody != nil {
				o.body = op.RequestBody.Value.Content.Get("application/json").Schema.Value
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *target) int { return strings.Compare(a.id, b.id) })
	return all
}

var future = func() string { return time.Now().Add(time.Hour).UTC().Format(time.RFC3339) }
