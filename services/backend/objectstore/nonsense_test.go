package objectstore_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/objectstore"
)

// Whatever the object store answers, it is not an error of this service: a caller gets 502 or 503.
func TestNonsenseIsNotAnErrorOfThisService(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html><body>Welcome</body></html>"))
		},
		"empty": func(http.ResponseWriter, *http.Request) {},
		"half xml": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<ListPartsResult><Part><PartNumber>x"))
		},
		"forbidden":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"teapot":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "I'm a teapot", http.StatusTeapot) },
		"redirect":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMovedPermanently) },
		"broken answer": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "99") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			store := setup(t, func(c *objectstore.Config) { c.Endpoint = server.URL })
			parts := []backend.StoredPart{{Number: 1}}
			for call, do := range map[string]func() error{
				"create":   func() error { _, err := store.CreateMultipart(t.Context(), "k"); return err },
				"parts":    func() error { _, err := store.ListParts(t.Context(), "k", "u", 0, 10); return err },
				"complete": func() error { _, err := store.CompleteMultipart(t.Context(), "k", "u", parts); return err },
				"head":     func() error { _, _, err := store.Head(t.Context(), "k"); return err },
				"put":      func() error { _, err := store.PutEmpty(t.Context(), "k"); return err },
				"delete":   func() error { return store.Delete(t.Context(), "k", "v") },
				"abort":    func() error { return store.AbortMultipart(t.Context(), "k", "u") },
			} {
				code := backend.CodeOf(do())
				require.Contains(t, []backend.Code{"", backend.Upstream, backend.Unavailable}, code, call)
				if call == "create" || call == "parts" || call == "complete" || call == "head" || call == "put" { // these want something of the answer
					require.NotEmpty(t, code, call)
				}
			}
		})
	}
}
