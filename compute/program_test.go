package compute

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// another is a backend that uses everything that an owner may set.
func another() Program {
	return Program{
		Environment: map[string]string{"LOG_FORMAT": "json", "GREETING": `"Hi", $USER & 100 % of it`, "EMPTY": ""},
		Secrets:     map[string]string{"PAYMENTS_KEY": testTokenSecret + ":key", "PAYMENTS_USER": testTokenSecret + ":user"},
		Command:     []string{"/usr/bin/python3", "-c", `print("50 % of $1")`, "-c", ";"},
		Port:        9000, GatewayPort: 9001, HealthPath: "/health", User: "1000:1001",
		WritablePaths: []string{"/tmp", "/var/cache/app"}, WritableMiB: 128, MemoryMiB: 512, StopSeconds: 120,
	}
}

func TestUserDataOfAnotherProgram(t *testing.T) {
	boot := testBoot()
	boot.Program = another()
	script, err := UserData(boot)
	require.NoError(t, err)
	begin := "\nExecStart=/usr/local/sbin/backend-secrets /usr/bin/docker run --name backend --rm \\\n" +
		"  --network host \\\n  --env-file /etc/backend/environment \\\n" +
		"  --user 1000:1001 \\\n  --read-only \\\n" +
		"  --tmpfs /tmp:rw,noexec,nosuid,nodev,size=128m \\\n  --tmpfs /var/cache/app:rw,noexec,nosuid,nodev,size=128m \\\n" +
		"  --memory 512m \\\n  --env PAYMENTS_KEY \\\n  --env PAYMENTS_USER \\\n  --entrypoint /usr/bin/python3 \\\n" +
		"  --cap-drop ALL \\\n  --security-opt no-new-privileges \\\n"
	require.Contains(t, script, begin)
	require.Contains(t, script, "  "+testImage+` -c "print(\"50 %% of $$1\")" -c ";"`+"\nExecStop=/usr/bin/docker stop --time 120 backend\n")
	require.Contains(t, script, "\n  --stop-timeout 120 \\\n")
	require.Contains(t, script, "\nTimeoutStopSec=135\n")

	environment, err := ReadEnvironment(script)
	require.NoError(t, err)
	for name, want := range map[string]string{
		"BACKEND_PUBLIC_ADDR": ":9000", "BACKEND_GATEWAY_ADDR": ":9001", "BACKEND_DRAIN_TIMEOUT": "1m45s",
		"LOG_FORMAT": "json", "GREETING": `"Hi", $USER & 100 % of it`, "EMPTY": "",
	} {
		got, set := environment[name]
		require.True(t, set, name)
		require.Equal(t, want, got, name)
	}
	require.NotContains(t, environment, "PAYMENTS_KEY")
	require.Len(t, environment, len(Environment(boot.Settings))+3)

	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(script)
	output, err := check.CombinedOutput()
	require.NoError(t, err, string(output))
}

// Without secrets, there is nothing about them on the instance.
func TestUserDataWithoutSecrets(t *testing.T) {
	script, err := UserData(testBoot())
	require.NoError(t, err)
	require.NotContains(t, script, "backend-secrets")
	require.Contains(t, script, "\nExecStart=/usr/bin/docker run --name backend --rm \\\n")
	require.NotContains(t, script, "--memory")
	require.NotContains(t, script, "--entrypoint")
}

// secretsScript is the script of a program's user data that reads the secrets.
func secretsScript(t *testing.T, p Program) string {
	t.Helper()
	boot := testBoot()
	boot.Program = p
	script, err := UserData(boot)
	require.NoError(t, err)
	_, rest, found := strings.Cut(script, "cat > /usr/local/sbin/backend-secrets <<'END'\n")
	require.True(t, found)
	body, _, found := strings.Cut(rest, "\nEND\n")
	require.True(t, found)
	return body
}

// The script that reads the secrets, with AWS's command replaced.
func TestSecretsReachTheProgram(t *testing.T) {
	body := secretsScript(t, another())
	run := func(secret string) (string, string, error) {
		bin := t.TempDir()
		asked := filepath.Join(bin, "asked")
		require.NoError(t, os.WriteFile(filepath.Join(bin, "secret"), []byte(secret), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(bin, "aws"), []byte(
			"#!/bin/sh\necho \"$@\" >> "+asked+"\ncat "+filepath.Join(bin, "secret")+"\n"), 0o700))
		file := filepath.Join(bin, "backend-secrets")
		// By its path: some installations of Python put directories of their own before the PATH.
		require.Contains(t, body, `["aws", `)
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(body, `["aws", `, `["`+bin+`/aws", `, 1)), 0o600))
		command := exec.Command("python3", file, "/bin/sh", "-c", `printf '%s|%s|%s' "$PAYMENTS_KEY" "$PAYMENTS_USER" "$0"`, "an argument")
		command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		var stderr strings.Builder
		command.Stderr = &stderr
		out, err := command.Output()
		calls, _ := os.ReadFile(asked)
		return string(out), string(calls) + stderr.String(), err
	}
	out, asked, err := run(`"{\"key\": \"-----BEGIN KEY-----\\nab\\\"c$d\\n\", \"user\": 42, \"more\": null}"`)
	require.NoError(t, err, asked)
	require.Equal(t, "-----BEGIN KEY-----\nab\"c$d\n|42|an argument", out)
	require.Equal(t, "secretsmanager get-secret-value --region eu-central-1 --secret-id "+testTokenSecret+
		" --query SecretString --output json\n", asked, "each secret is read once")

	for secret, want := range map[string]string{
		`"{\"key\": \"x\"}"`:                 "PAYMENTS_USER: want the key user, with a text or a number, in",
		`"{\"key\": null, \"user\": \"u\"}"`: "PAYMENTS_KEY: want the key key",
		`"{\"key\": true, \"user\": \"u\"}"`: "PAYMENTS_KEY: want the key key",
		`"{\"key\": {}, \"user\": \"u\"}"`:   "PAYMENTS_KEY: want the key key",
		`"[\"key\"]"`:                        "PAYMENTS_KEY: want the key key",
		`"plain text"`:                       "JSONDecodeError",
		`null`:                               "Error",
	} {
		out, complaint, err := run(secret)
		require.Error(t, err, secret)
		require.Empty(t, out, "the program must not start")
		require.Contains(t, complaint, want, secret)
	}
}

// A secret may be a proxy with its password, or a certificate to trust: it is for the program, and not for the calls that read the rest.
func TestSecretsReachNoOtherCall(t *testing.T) {
	p := DefaultProgram()
	other := strings.Replace(testTokenSecret, ":secret:", ":secret:other/", 1)
	p.Secrets = map[string]string{"HTTPS_PROXY": testTokenSecret + ":key", "Z": other + ":key"}
	bin := t.TempDir()
	seen := filepath.Join(bin, "seen")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "aws"), []byte(
		"#!/bin/sh\necho \"[$HTTPS_PROXY]\" >> "+seen+"\necho '\"{\\\"key\\\": \\\"http://proxy\\\"}\"'\n"), 0o700))
	file := filepath.Join(bin, "backend-secrets")
	body := strings.Replace(secretsScript(t, p), `["aws", `, `["`+bin+`/aws", `, 1)
	require.NoError(t, os.WriteFile(file, []byte(body), 0o600))
	out, err := exec.Command("python3", file, "/bin/sh", "-c", `printf '%s|%s' "$HTTPS_PROXY" "$Z"`).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "http://proxy|http://proxy", string(out))
	calls, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Equal(t, "[]\n[]\n", string(calls))
}

// A program may add as much to the user data as there is room for, whatever AWS makes up, and not more.
func TestExcess(t *testing.T) {
	p := DefaultProgram()
	require.Zero(t, p.Excess())
	all := another()
	require.Zero(t, all.Excess())
	p.Environment = map[string]string{"A": strings.Repeat("x", userDataLimit)}
	room := userDataLimit - p.Excess()
	words, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	said := fmt.Sprintf("share %d bytes of an instance's user data", room+len("A=\n"))
	require.True(t, strings.Contains(string(words), said), "docs/configuration.md: want %q", said)
	p.Environment["A"] = strings.Repeat("x", room+1)
	require.Equal(t, 1, p.Excess())
	p.Environment["A"] = p.Environment["A"][1:]
	require.Zero(t, p.Excess())
	boot := testBoot()
	boot.Program = p
	_, err = UserData(boot)
	require.NoError(t, err)
}

// A command of one word has no arguments.
func TestUserDataOfAProgramWithoutArguments(t *testing.T) {
	boot := testBoot()
	boot.Program.Command = []string{"/app"}
	script, err := UserData(boot)
	require.NoError(t, err)
	require.Contains(t, script, "  --entrypoint /app \\\n")
	require.Contains(t, script, "  "+testImage+"\nExecStop=")
}

func TestHealthPaths(t *testing.T) {
	for _, good := range []string{"/", "/healthz", "/v1/health", "/a.b_c~d-e"} {
		require.NoError(t, ValidateHealthPath(good))
	}
	for _, bad := range []string{"", "healthz", "/a b", "/a?b", "/a#b", "/a%20b", "/ä", "/a\n", "/" + strings.Repeat("a", 256)} {
		require.Error(t, ValidateHealthPath(bad), bad)
	}
}
