// Package pythonbackend holds the tests of the example backend in Python: its edges. That it runs as planned, behind balancer and
// gateway, is shown by the tests of packages demo and imagetest.
package pythonbackend

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/contract"
	"scalable-backend/services/internal/servers"
)

const token = "an-admin-token-of-the-tests"

// start runs the backend with some variables until the test ends.
func start(t *testing.T, variables ...string) (public, gateway string) {
	t.Helper()
	public, gateway = freeAddress(t), freeAddress(t)
	process, log := launch(t, append(variables,
		"BACKEND_PUBLIC_ADDR="+public, "BACKEND_GATEWAY_ADDR="+gateway, "BACKEND_ADMIN_TOKEN="+token, "BACKEND_DRAIN_TIMEOUT=500ms")...)
	backend := contract.Backend{Public: public, Gateway: gateway, Ended: process.Done()}
	require.NoError(t, backend.Await(t.Context(), time.Minute, func(error) {}))
	t.Cleanup(func() {
		process.Stop(syscall.SIGTERM, time.Minute)
		require.Zero(t, process.ExitCode(), log)
		_, other := contract.Lines(log.String())
		require.Empty(t, other, "a line of the log that is not JSON")
	})
	return public, gateway
}

func launch(t *testing.T, variables ...string) (*servers.Process, *bytes.Buffer) {
	t.Helper()
	cmd, log := exec.Command("python3", "backend.py"), &bytes.Buffer{}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, variables...)
	cmd.Stdout, cmd.Stderr = log, log
	process, err := servers.StartProcess(cmd)
	require.NoError(t, err, "python3 is needed: scripts/setup-python.sh installs it")
	return process, log
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := servers.FreeAddress()
	require.NoError(t, err)
	return address
}

// talk sends bytes on one connection and returns all that is answered until the backend closes it.
func talk(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func TestCallers(t *testing.T) {
	t.Parallel()
	public, gateway := start(t)
	const bearer, caller = "Authorization: Bearer " + token, "X-Gateway-Caller: arn:aws:iam::1:user/u"
	for name, c := range map[string]struct {
		addr, path string
		headers    []string
		status     int
		body       string
	}{
		"token":                {public, "/v1/whoami", []string{bearer}, 200, `"id": "token:admin"`},
		"token, other case":    {public, "/v1/whoami?x=1", []string{"authorization: bearer " + token}, 200, `"door": "public"`},
		"no token":             {public, "/v1/whoami", nil, 401, "want a bearer token"},
		"wrong token":          {public, "/v1/whoami", []string{bearer + "x"}, 401, "want a bearer token"},
		"token beyond ASCII":   {public, "/v1/whoami", []string{"Authorization: Bearer \xff"}, 401, "want a bearer token"},
		"header of a client":   {public, "/v1/whoami", []string{bearer, caller}, 400, "not for this door"},
		"identity":             {gateway, "/v1/whoami", []string{caller}, 200, `"id": "arn:aws:iam::1:user/u"`},
		"identity, staged":     {gateway, "/live/v1/whoami", []string{caller}, 200, `"door": "gateway"`},
		"other stage":          {gateway, "/livestock/v1/whoami", []string{caller}, 404, "nothing at this path"},
		"no identity":          {gateway, "/v1/whoami", []string{bearer}, 401, "exactly once"},
		"two identities":       {gateway, "/v1/whoami", []string{caller, caller}, 401, "exactly once"},
		"health, with a name":  {gateway, "/healthz", []string{caller}, 404, "nothing at this path"},
		"no such path":         {public, "/v1/nothing", []string{bearer}, 404, "nothing at this path"},
		"a path that is a URL": {public, "http://elsewhere/healthz", []string{bearer}, 404, "nothing at this path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := strings.Join(append(c.headers, "Connection: close"), "\r\n")
			answer := talk(t, c.addr, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", c.path, headers))
			require.Contains(t, answer, fmt.Sprintf("HTTP/1.1 %d ", c.status))
			require.Contains(t, answer, c.body)
			require.Equal(t, c.status >= 400, strings.Contains(answer, "Content-Type: application/problem+json"), answer)
		})
	}
}

// What HTTP allows, and what it does not, costs one answer at most: a body is never taken for the next request.
func TestRequests(t *testing.T) {
	t.Parallel()
	public, _ := start(t)
	const second = "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for name, c := range map[string]struct {
		text    string
		answers []int
	}{
		"two on one connection": {"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" + second, []int{200, 200}},
		"a body with a length":  {"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 57\r\n\r\n" + second, []int{200}},
		"a body in chunks":      {"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + second, []int{200}},
		"two lengths":           {"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 57\r\n\r\n" + second, []int{200}},
		"another method":        {"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 57\r\n\r\n" + second, []int{501}},
		"no request":            {"SSH-2.0-x\r\n", []int{400}},
		"a line without end":    {"GET /" + strings.Repeat("x", 66_000) + " HTTP/1.1\r\n\r\n", []int{414}},
		"too many headers":      {"GET /healthz HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 200) + "\r\n", []int{431}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, from := []int{}, bufio.NewReader(strings.NewReader(talk(t, public, c.text)))
			for {
				response, err := http.ReadResponse(from, nil)
				if err != nil {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
					break
				}
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				answers = append(answers, response.StatusCode)
			}
			require.Equal(t, c.answers, answers)
		})
	}
}

// Without what it needs it ends at once and says why.
func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	for want, variables := range map[string][]string{
		"BACKEND_ADMIN_TOKEN_SECRET_ARN":               nil,
		"BACKEND_DRAIN_TIMEOUT: want a duration as 75": {"BACKEND_ADMIN_TOKEN=" + token, "BACKEND_DRAIN_TIMEOUT=75"},
		"Connection refused": {
			"BACKEND_ADMIN_TOKEN_SECRET_ARN=arn:aws:secretsmanager:eu-central-1:1:secret:x", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
			"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://" + freeAddress(t),
		},
	} {
		process, log := launch(t, variables...)
		select {
		case <-process.Done():
		case <-time.After(time.Minute):
			process.Stop(syscall.SIGKILL, time.Minute)
		}
		require.Equal(t, 1, process.ExitCode())
		require.Contains(t, log.String(), want)
		_, other := contract.Lines(log.String())
		require.Empty(t, other)
	}
}
