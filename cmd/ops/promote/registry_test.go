package promote_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// ecr is a registry that behaves as ECR does: only AWS's token is let in, repositories have to exist, and tags may be immutable.
type ecr struct {
	host string

	mu           sync.Mutex
	repositories []string
	immutable    bool
	refuse       func(*http.Request) int // a status instead of the answer; 0: none
	spoil        func(*http.Request, http.ResponseWriter) bool
	puts         []string // of manifests
}

func newECR(t *testing.T, repositories ...string) *ecr {
	t.Helper()
	e := &ecr{repositories: repositories}
	inner := registry.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		refuse, spoil := e.refuse, e.spoil
		e.mu.Unlock()
		if user, password, _ := r.BasicAuth(); user != "AWS" || password != "token" {
			w.Header().Set("WWW-Authenticate", `Basic realm="ecr"`)
			deny(w, http.StatusUnauthorized, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
			return
		}
		if refuse != nil && refuse(r) != 0 {
			deny(w, refuse(r), "DENIED", "User is not authorized to perform: ecr:InitiateLayerUpload")
			return
		}
		if spoil != nil && spoil(r, w) {
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/v2/")
		if path != "" && !slices.ContainsFunc(e.repositories, func(name string) bool { return strings.HasPrefix(path, name+"/") }) {
			deny(w, http.StatusNotFound, "NAME_UNKNOWN", "The repository does not exist in the registry")
			return
		}
		if _, tag, ok := strings.Cut(path, "/manifests/"); ok && r.Method == http.MethodPut {
			e.mu.Lock()
			again := e.immutable && !strings.HasPrefix(tag, "sha256:") && slices.Contains(e.puts, path)
			e.puts = append(e.puts, path)
			e.mu.Unlock()
			if again {
				deny(
					w,
					http.StatusBadRequest,
					"TAG_INVALID",
					"The image tag already exists and cannot be overwritten because the repository is immutable.",
				)
				return
			}
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	e.host = strings.TrimPrefix(server.URL, "http://")
	return e
}

func deny(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	text, _ := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
	w.Write(text) //nolint:errcheck // the caller sees a short answer
}

// pushed lists the references under which manifests came into a repository.
func (e *ecr) pushed(repository string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, put := range e.puts {
		if name, reference, _ := strings.Cut(put, "/manifests/"); name == repository {
			out = append(out, reference)
		}
	}
	return out
}

var auth = remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: "AWS", Password: "token"}))

// platform is a small image for one platform.
func platform(t *testing.T, architecture string) v1.Image {
	t.Helper()
	image, err := random.Image(64, 2)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", architecture
	image, err = mutate.ConfigFile(image, config)
	require.NoError(t, err)
	return image
}

// index is an image for several platforms, with an attestation, as BuildKit pushes one.
func index(t *testing.T, architectures ...string) v1.ImageIndex {
	t.Helper()
	var out v1.ImageIndex = empty.Index
	for _, a := range append(architectures, "unknown") {
		p := v1.Platform{OS: "linux", Architecture: a}
		if a == "unknown" {
			p.OS = "unknown"
		}
		out = mutate.AppendManifests(out, mutate.IndexAddendum{Add: platform(t, a), Descriptor: v1.Descriptor{Platform: &p}})
	}
	return out
}

// put pushes an image or an index, and returns its address by digest.
func (e *ecr) put(t *testing.T, repository string, what any) string {
	t.Helper()
	tag, err := name.NewTag(e.host + "/" + repository + ":latest")
	require.NoError(t, err)
	var digest v1.Hash
	switch it := what.(type) {
	case v1.ImageIndex:
		require.NoError(t, remote.WriteIndex(tag, it, auth))
		digest, err = it.Digest()
	case v1.Image:
		require.NoError(t, remote.Write(tag, it, auth))
		digest, err = it.Digest()
	}
	require.NoError(t, err)
	return e.host + "/" + repository + "@" + digest.String()
}
