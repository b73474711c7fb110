package demo

import (
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deaf makes this program a backend that does not end on SIGTERM.
const deaf = "deaf-backend"

func init() {
	if slices.Contains(os.Args[1:], deaf) {
		serveDeaf()
	}
}

func serveDeaf() {
	signal.Ignore(syscall.SIGTERM)
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for _, variable := range []string{"BACKEND_PUBLIC_ADDR", "BACKEND_GATEWAY_ADDR"} {
		go func() {
			server := &http.Server{Addr: os.Getenv(variable), Handler: answer, ReadHeaderTimeout: time.Second}
			panic(server.ListenAndServe())
		}()
	}
	select {}
}

// run is the demo with a foreign backend. It returns what was printed in one line: the demo breaks lines where a terminal would.
func run(t *testing.T, command string) (printed string, err error) {
	t.Helper()
	var out strings.Builder
	err = Run(t.Context(), t.TempDir(), []string{"DEMO_BACKEND=" + command}, &out)
	return strings.Join(strings.Fields(out.String()), " "), err
}

// A backend in Python is served through balancer and gateway; it is no queue, so no files flow.
func TestABackendInPythonIsServed(t *testing.T) {
	t.Parallel()
	printed, err := run(t, "python3 ../examples/python-backend/backend.py")
	require.NoError(t, err, printed)
	require.Contains(t, printed, "both answer health checks at both doors")
	require.Contains(t, printed, "through the balancer, with the admin token: GET /v1/whoami 200, GET /v1/stats 404")
	require.Contains(t, printed, "through the gateway, with a signature: GET /v1/whoami 200, POST /v1/leases 501")
	require.Contains(t, printed, "backend-1 ended")
	require.Contains(t, printed, "backend-2 ended")
	require.NotContains(t, printed, "not JSON")
}

func TestABackendThatDoesNotKeepTheContract(t *testing.T) {
	t.Parallel()
	_, err := run(t, "echo I have no door")
	require.ErrorContains(t, err, "backend-1 does not keep the contract of docs/bring-your-own.md:\n  the process has ended")
	require.ErrorContains(t, err, "BACKEND_GATEWAY_ADDR=127.0.0.1:")
	require.ErrorContains(t, err, "its log ends:\nI have no door")

	_, err = run(t, "true")
	require.ErrorContains(t, err, "; its log is empty")

	printed, err := run(t, os.Args[0]+" "+deaf)
	require.ErrorContains(t, err, "backend-2: want exit code 0 within 7s of SIGTERM, got -1 after ")
	require.Contains(t, printed, "through the gateway, with a signature: GET /v1/whoami 401")
}
