//go:build images

package imagetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"scalable-backend/services/internal/servers"
	"scalable-backend/services/internal/testenv"
)

// labels are those that only the one who builds knows.
var labels = map[string]string{
	"org.opencontainers.image.source":   "https://example.com/scalable-backend",
	"org.opencontainers.image.revision": "0123456789abcdef0123456789abcdef01234567",
}

// shared is what all tests use.
var shared struct {
	root, cache, dir string
	builder          builder
	bundle           *bundleServer
	pki              *pki
	plan             *planned
	foreign          *planned // the same stack with a backend of somebody else's and without agents
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	err := prepare()
	defer func() {
		if shared.builder != nil {
			shared.builder.close()
		}
		if shared.dir != "" {
			_ = os.RemoveAll(shared.dir)
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		return 1
	}
	return testenv.Run(m)
}

func prepare() (err error) {
	if os.Getuid() != 0 {
		return errors.New("these tests run containers and BuildKit: run them as root")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	if shared.root, err = servers.Repository(); err != nil {
		return err
	}
	shared.cache = filepath.Join(shared.root, ".cache", "images")
	if err := os.MkdirAll(shared.cache, 0o755); err != nil {
		return err
	}
	if shared.dir, err = os.MkdirTemp("", "images-"); err != nil {
		return err
	}
	if shared.plan, err = readPlan("IMAGES_PLAN", true); err != nil {
		return err
	}
	if shared.foreign, err = readPlan("IMAGES_FOREIGN_PLAN", false); err != nil {
		return err
	}
	if shared.pki, err = makePKI(shared.cache); err != nil {
		return err
	}
	shared.bundle = serveBundle(shared.pki.ca)
	shared.builder, err = newBuilder(ctx, warm, shared.cache)
	return err
}

// bundleServer stands in for AWS's trust store.
type bundleServer struct {
	*httptest.Server
	text []byte
}

func serveBundle(text []byte) *bundleServer {
	b := &bundleServer{text: text}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.text) }))
	return b
}
