//go:build images

package imagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/contract"
	"scalable-backend/services/internal/gateway"
)

// role is what the stand-in for the instance's metadata gives out.
var role = aws.Credentials{
	AccessKeyID: "ASIAIMAGETESTS", SecretAccessKey: "the-secret-key-of-the-role", SessionToken: "the-session-of-the-role",
}

// TestForeignBackend runs the backend in Python as a stack plans it: it reads its secrets with the role of its instance, checks the
// database by the authority in its image, is served through balancer and gateway, and ends in order.
func TestForeignBackend(t *testing.T) {
	root := foreignImage(t)
	c, public, private := startForeign(t, "foreign", root, nil)
	backend := contract.Backend{Public: public, Gateway: private, Ended: c.process.Done()}
	require.NoError(t, backend.Await(t.Context(), patience, func(error) {}))
	require.NoError(t, backend.Guarded(t.Context()))

	balancer := httptest.NewServer(gateway.NewBalancer(public))
	t.Cleanup(balancer.Close)
	users, err := client.New(client.Options{URL: balancer.URL, Auth: client.Bearer(adminToken)})
	require.NoError(t, err)
	defer users.Close()
	caller, err := users.Whoami(t.Context())
	require.NoError(t, err)
	require.Equal(t, api.Caller{Id: "token:admin", Door: api.CallerDoorPublic, Scopes: []api.Scope{}}, caller)
	require.NoError(t, users.Ready(t.Context()), "the database proves itself by the bundle of the image")

	front, key := foreignGateway(t, private)
	agents, err := client.New(client.Options{URL: front, Auth: client.NewSigV4(credentials.NewStaticCredentialsProvider(
		key.AccessKeyID, key.SecretAccessKey, ""), "eu-central-1")})
	require.NoError(t, err)
	defer agents.Close()
	caller, err = agents.Whoami(t.Context())
	require.NoError(t, err)
	require.Equal(t, api.Caller{Id: key.ARN, Door: api.CallerDoorGateway, Scopes: []api.Scope{}}, caller)

	requireConfined(t, c)

	answer := halfSent(t, public)
	c.signal("TERM")
	c.await("draining", 1)
	require.Equal(t, "HTTP/1.1 200 OK", answer(), "a request that is under way is answered")
	require.Zero(t, c.ended())
	c.await("stopped", 1)
	lines, other := contract.Lines(c.log())
	require.Positive(t, lines)
	require.Empty(t, other, "a line of the log that is not JSON")
	require.NotContains(t, c.log(), adminToken)
}

// requireConfined looks at the container from inside: the planned user, variables and writable directories.
func requireConfined(t *testing.T, c *container) {
	t.Helper()
	in := func(statement string) string {
		out, err := c.run("python3", "-c", "import os\n"+statement)
		if err != nil {
			return out + err.Error()
		}
		return out
	}
	require.Equal(t, "12345 12345\n", in("print(os.getuid(), os.getgid())"))
	require.Equal(t, "hello, \"$USER\" 100%\n", in("print(os.environ['GREETING'])"), "compute.environment")
	require.Equal(t, "the-key\n", in("print(os.environ['API_KEY'])"), "compute.secrets")
	for _, dir := range []string{"/tmp", "/run/app"} {
		require.Empty(t, in("open('"+dir+"/x', 'w').close()"), "compute.writablePaths")
		require.Contains(t, in("os.chmod('"+dir+"/x', 0o755); os.execv('"+dir+"/x', ['x'])"), "Permission denied")
	}
	for _, dir := range []string{"/app", "/var/tmp", "/run"} {
		require.Contains(t, in("open('"+dir+"/x', 'w')"), "Read-only file system")
	}
	require.Contains(t, in("open('/tmp/x', 'wb').write(bytes(17 << 20))"), "No space left on device", "compute.writableMiB")
	require.Contains(t, in("b'x' * (300 << 20)"), "exit status 137", "compute.memory")
}

// TestForeignBackendChecksItsDatabase shows that the check in TestForeignBackend is one: by other authorities the database is refused.
func TestForeignBackendChecksItsDatabase(t *testing.T) {
	c, public, private := startForeign(t, "foreign-other", foreignImage(t), map[string]string{
		"BACKEND_DATABASE_CA_FILE": "/etc/ssl/certs/ca-certificates.crt",
	})
	backend := contract.Backend{Public: public, Gateway: private, Ended: c.process.Done()}
	require.NoError(t, backend.Await(t.Context(), patience, func(error) {}))
	response, err := http.Get("http://" + public + "/readyz")
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Contains(t, fmt.Sprint(c.await("the database cannot be used", 1)[0]["error"]), "CERTIFICATE_VERIFY_FAILED")
}

// foreignImage builds the image of services/examples/python-backend and lays it out.
func foreignImage(t *testing.T) string {
	t.Helper()
	r := requestFor(filepath.Join(shared.root, "services", "examples", "python-backend"), "backend", runtime.GOARCH)
	delete(r.args, goImage)
	r.file, r.base = "Dockerfile", pythonImage
	i, err := buildAs(shared.builder, r, filepath.Join(t.TempDir(), "layout"))
	require.NoError(t, err)
	require.Equal(t, "65532:65532", i.config.Config.User)
	require.Equal(t, []string{"python3", "/app/backend.py"}, i.config.Config.Entrypoint)
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	for _, layer := range i.layers { // whole Debian: links and devices, too
		require.NoError(t, command(t.Context(), "", nil, "tar", "-C", root, "-xf", layer))
	}
	return root
}

// startForeign runs the backend as planned. What differs is where things are.
func startForeign(t *testing.T, id, root string, change map[string]string) (c *container, public, private string) {
	t.Helper()
	plan := shared.foreign.backend
	require.Equal(t, ":9080", plan.environment["BACKEND_PUBLIC_ADDR"])
	require.Equal(t, ":9081", plan.environment["BACKEND_GATEWAY_ADDR"])
	public, private = freeAddress(t), freeAddress(t)
	environment := maps.Clone(plan.environment)
	maps.Copy(environment, map[string]string{
		"BACKEND_PUBLIC_ADDR": public, "BACKEND_GATEWAY_ADDR": private, "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata(t),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": signedByRole(t, secretsManager(t, map[string]any{
			plan.environment["BACKEND_ADMIN_TOKEN_SECRET_ARN"]: map[string]string{"token": adminToken},
			plan.environment["BACKEND_DATABASE_SECRET_ARN"]:    tlsDatabase(t),
		})),
	})
	// The unit reads these at each start, and docker takes their values from its own environment.
	require.Equal(t, []string{"API_KEY"}, plan.flags["--env"])
	require.Equal(t, map[string][2]string{
		"API_KEY": {"arn:aws:secretsmanager:us-east-1:210987654321:secret:keys-AbCdEf", "api"},
	}, plan.secrets)
	environment["API_KEY"] = "the-key"
	maps.Copy(environment, change)
	command := append([]string{one(t, plan.flags, "--entrypoint")}, plan.arguments...)
	return start(t, id, root, backendSpec(t, plan, command, environment)), public, private
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// foreignGateway is the planned API before a backend, and a caller that it knows.
func foreignGateway(t *testing.T, door string) (url string, key gateway.Identity) {
	t.Helper()
	key = gateway.Identity{
		ARN:         "arn:aws:sts::000000000000:assumed-role/people/somebody",
		AccessKeyID: "AKIAFOREIGNTESTS", SecretAccessKey: "the-secret-key-of-somebody",
	}
	document, err := gateway.Planned("dev")
	require.NoError(t, err)
	handler, err := gateway.New(gateway.Config{
		Document: document, Stage: backendStage(), Region: "eu-central-1", Identities: []gateway.Identity{key}, Link: gateway.NewBalancer(door),
	})
	require.NoError(t, err)
	front := httptest.NewServer(handler)
	t.Cleanup(front.Close)
	return front.URL + "/" + backendStage(), key
}

// metadata stands in for the instance's metadata service: session tokens, and the credentials of one role (IMDSv2).
func metadata(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "session")
	})
	mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/{role...}", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-aws-ec2-metadata-token") != "session":
			w.WriteHeader(http.StatusUnauthorized)
		case r.PathValue("role") == "":
			_, _ = io.WriteString(w, "backend-role")
		case r.PathValue("role") == "backend-role":
			_ = json.NewEncoder(w).Encode(map[string]string{
				"Code": "Success", "AccessKeyId": role.AccessKeyID, "SecretAccessKey": role.SecretAccessKey, "Token": role.SessionToken,
			})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// signedByRole lets those requests through to a server that AWS's own signer would have signed in the same way.
func signedByRole(t *testing.T, server string) string {
	t.Helper()
	at, err := url.Parse(server)
	require.NoError(t, err)
	next := httputil.NewSingleHostReverseProxy(at)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, name := range []string{"Content-Type", "X-Amz-Target"} {
			again.Header.Set(name, r.Header.Get(name))
		}
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err == nil {
			region := shared.foreign.backend.environment["AWS_REGION"]
			err = v4.NewSigner().SignHTTP(r.Context(), role, again, hash(body), "secretsmanager", region, at)
		}
		if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") ||
			r.Header.Get("X-Amz-Security-Token") != role.SessionToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// halfSent begins a request; the function that it returns sends the rest and returns the first line of the answer.
func halfSent(t *testing.T, addr string) func() string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /v1/whoami HTTP/1.1\r\nHost: %s\r\n", addr)
	require.NoError(t, err)
	return func() string {
		_, err := fmt.Fprintf(conn, "Authorization: Bearer %s\r\n\r\n", adminToken)
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(line)
	}
}
