package promote_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
	"scalable-backend/cmd/ops/promote"
)

const file = "config:\n  aws:region: eu-central-1 # near the users\n  compute:\n    instanceType: m7g.large\n"

// world is dev, whose images were built for arm64, and prod.
type world struct {
	aws       *opstest.AWS
	bench     *opstest.Bench
	ecr       *ecr
	dev, prod map[string]string
	dir       string
}

func newWorld(t *testing.T, backend, agent any) *world {
	t.Helper()
	a := opstest.NewAWS(t)
	w := &world{aws: a, bench: opstest.NewBench(t, a), ecr: newECR(t, "p/dev/backend", "p/dev/agent", "p/prod/backend", "p/prod/agent")}
	w.bench.HTTP = &http.Transport{} // its own, so that no connection outlives the registry
	w.dev = map[string]string{"backendImage": w.ecr.put(t, "p/dev/backend", backend), "agentImage": w.ecr.put(t, "p/dev/agent", agent)}
	w.prod = map[string]string{"machineImage": "al2023-ami-2023.9-kernel-6.1-arm64", "clusterName": "c",
		"backendRepositoryUrl": w.ecr.host + "/p/prod/backend", "agentRepositoryUrl": w.ecr.host + "/p/prod/agent"}
	w.dir = opstest.Project(
		t,
		"Pulumi.yaml",
		"name: p\n",
		"Pulumi.prod.yaml",
		file,
		"Pulumi.dev.yaml",
		"config:\n  aws:region: eu-central-1\n",
	)
	a.On("GetAuthorizationToken", opstest.Answer{Body: fmt.Sprintf(`{"authorizationData":[{"authorizationToken":%q}]}`,
		base64.StdEncoding.EncodeToString([]byte("AWS:token")))})
	a.On("DescribeInstanceTypes", processor("arm64"))
	return w
}

func processor(architecture string) opstest.Answer {
	return opstest.Answer{
		Body: "<instanceTypeSet><item><instanceType>x</instanceType><processorInfo><supportedArchitectures><item>" + architecture +
			"</item></supportedArchitectures></processorInfo></item></instanceTypeSet>",
	}
}

// run calls the command, and replaces what differs from run to run.
func (w *world) run(t *testing.T, args string) (session string, status int) {
	t.Helper()
	for stack, outputs := range map[string]map[string]string{"dev": w.dev, "prod": w.prod} {
		text, err := json.Marshal(outputs)
		require.NoError(t, err)
		w.bench.Programs["pulumi stack output --json --show-secrets=false --non-interactive --stack "+stack] = string(text)
	}
	w.bench.Out.Reset()
	w.bench.Err.Reset()
	err := promote.Command().Run(t.Context(), w.bench.Env, append(strings.Fields(args), "-C", w.dir))
	if err != nil && !errors.Is(err, flag.ErrHelp) && err.Error() != "" {
		fmt.Fprintln(w.bench.Err, err)
	}
	status = command.Status(err)
	text := fmt.Sprintf("$ ops promote %s\n%s%s(exit status %d)\n", args, w.bench.Out, w.bench.Err, status)
	same := []string{w.ecr.host, "111122223333.dkr.ecr.eu-central-1.amazonaws.com", w.dir + "/", ""}
	for service, as := range map[string]string{"backend": "7", "agent": "c"} {
		if _, hex, ok := strings.Cut(w.dev[service+"Image"], "@sha256:"); ok {
			same = append(same, hex, strings.Repeat(as, 64), hex[:12], strings.Repeat(as, 12))
		}
	}
	return strings.NewReplacer(same...).Replace(text), status
}

func digest(image string) string { return image[strings.Index(image, "@")+1:] }

func (w *world) file(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "Pulumi.prod.yaml"))
	require.NoError(t, err)
	return string(text)
}

// pinned is the file after a promotion of both images.
func (w *world) pinned() string {
	return file + "  images:\n    agent: " + w.prod["agentRepositoryUrl"] + "@" + digest(w.dev["agentImage"]) +
		"\n    backend: " + w.prod["backendRepositoryUrl"] + "@" + digest(w.dev["backendImage"]) + "\n"
}

func TestPromote(t *testing.T) {
	t.Parallel()
	w := newWorld(t, index(t, "arm64", "amd64"), platform(t, "arm64"))
	w.ecr.immutable = true
	session, status := w.run(t, "-from dev -to prod -dry-run")
	require.Zero(t, status, session)
	opstest.Golden(t, "promote-dry-run.txt", session)
	require.Equal(t, file, w.file(t))
	require.Empty(t, w.ecr.pushed("p/prod/backend"))

	session, status = w.run(t, "-from dev -to prod")
	require.Zero(t, status, session)
	opstest.Golden(t, "promote.txt", session)
	require.Equal(t, w.pinned(), w.file(t))

	// All platforms and the attestation came along, and each manifest is the very same.
	copied, err := name.NewDigest(w.prod["backendRepositoryUrl"] + "@" + digest(w.dev["backendImage"]))
	require.NoError(t, err)
	got, err := remote.Index(copied, auth)
	require.NoError(t, err)
	manifest, err := got.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 3)
	for _, m := range manifest.Manifests {
		one, err := got.Image(m.Digest)
		require.NoError(t, err)
		layers, err := one.Layers()
		require.NoError(t, err)
		for _, l := range layers {
			bytes, err := l.Compressed()
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, bytes) // the library compares the digest
			require.NoError(t, err)
			require.NoError(t, bytes.Close())
		}
	}
	tags := w.ecr.pushed("p/prod/backend")
	require.Equal(t, "promoted-"+digest(w.dev["backendImage"])[len("sha256:"):][:12], tags[len(tags)-1], "the index last, by tag")
	for _, reference := range tags[:len(tags)-1] {
		require.True(t, strings.HasPrefix(reference, "sha256:"), "platforms by digest: an immutable tag can be pushed once (docker/buildx#663)")
	}

	pushes := len(tags)
	session, status = w.run(t, "-from dev -to prod")
	require.Zero(t, status, session)
	opstest.Golden(t, "promote-again.txt", session)
	require.Len(t, w.ecr.pushed("p/prod/backend"), pushes)
	require.Equal(t, w.pinned(), w.file(t))
}

func TestPromoteOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, platform(t, "amd64"), platform(t, "arm64"))
	session, status := w.run(t, "-from dev -to prod -only agent")
	require.Zero(t, status, session)
	require.Contains(t, w.file(t), "  images:\n    agent: ")
	require.NotContains(t, w.file(t), "backend:")
	require.Empty(t, w.ecr.pushed("p/prod/backend"))

	w = newWorld(t, platform(t, "arm64"), platform(t, "amd64"))
	delete(w.prod, "clusterName")
	session, status = w.run(t, "-from dev -to prod")
	require.Zero(t, status, session)
	require.Contains(t, session, "agent: prod has no agents (fargate.enabled), so it needs no such image")
	require.NotContains(t, w.file(t), "agent:")
}

// Without an instance type in the file, what runs decides.
func TestArchitectureOfTheMachineImage(t *testing.T) {
	t.Parallel()
	for machine, want := range map[string]int{"al2023-ami-2023.9-kernel-6.1-x86_64": command.Done,
		"al2023-ami-2023.9-kernel-6.1-arm64": command.Failed,
		"of-my-own":                          command.Failed} {
		w := newWorld(t, platform(t, "amd64"), platform(t, "amd64"))
		w.prod["machineImage"] = machine
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "Pulumi.prod.yaml"), []byte("config:\n  aws:region: eu-central-1\n"), 0o600))
		session, status := w.run(t, "-from dev -to prod")
		require.Equal(t, want, status, session)
		require.Empty(t, w.aws.Calls("DescribeInstanceTypes"))
	}
}

// Nothing of this writes a file, and most of it pushes nothing.
var refusals = []struct {
	name   string
	status int
	set    func(*testing.T, *world)
}{
	{"promote-wrong-architecture", 1, func(_ *testing.T, w *world) { w.aws.On("DescribeInstanceTypes", processor("x86_64")) }},
	{"promote-image-gone", 1, func(_ *testing.T, w *world) {
		w.dev["backendImage"] = w.ecr.host + "/p/dev/backend@sha256:" + strings.Repeat("7", 64)
	}},
	{"promote-no-repository", 1, func(_ *testing.T, w *world) {
		w.ecr.repositories = []string{"p/dev/backend", "p/dev/agent"}
	}},
	{"promote-same-repository", 1, func(_ *testing.T, w *world) { w.prod["backendRepositoryUrl"] = w.ecr.host + "/p/dev/backend" }},
	{"promote-source-spoiled", 1, func(_ *testing.T, w *world) {
		w.ecr.spoil = func(r *http.Request, rw http.ResponseWriter) bool {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "p/dev/backend/manifests/") {
				rw.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
				fmt.Fprint(rw, `{"schemaVersion":2}`)
				return true
			}
			return false
		}
	}},
	{"promote-digest-did-not-arrive", 1, func(_ *testing.T, w *world) {
		w.ecr.spoil = func(r *http.Request, rw http.ResponseWriter) bool {
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "p/prod/backend/manifests/sha256:") {
				rw.WriteHeader(http.StatusNotFound)
				return true
			}
			return false
		}
	}},
	{"promote-denied", 1, func(_ *testing.T, w *world) {
		w.ecr.refuse = func(r *http.Request) int {
			switch { // the registry keeps the blobs of all repositories in one place
			case r.Method == http.MethodHead && strings.Contains(r.URL.Path, "p/prod/backend/blobs/"):
				return http.StatusNotFound
			case r.Method == http.MethodPost:
				return http.StatusForbidden
			}
			return 0
		}
	}},
	{"promote-tag-taken", 1, func(_ *testing.T, w *world) {
		w.ecr.immutable = true
		w.ecr.puts = []string{"p/prod/backend/manifests/promoted-" + digest(w.dev["backendImage"])[len("sha256:"):][:12]}
	}},
	{"promote-image-by-tag", 1, func(_ *testing.T, w *world) { w.dev["backendImage"] = w.ecr.host + "/p/dev/backend:latest" }},
	{"promote-expired", 3, func(_ *testing.T, w *world) {
		w.aws.On(
			"GetAuthorizationToken",
			opstest.Answer{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"},
		)
	}},
	{"promote-network-lost", 3, func(_ *testing.T, w *world) {
		w.ecr.spoil = func(r *http.Request, rw http.ResponseWriter) bool {
			if r.Method == http.MethodPut {
				c, _, err := rw.(http.Hijacker).Hijack()
				if err == nil {
					c.Close()
				}
				return err == nil
			}
			return false
		}
	}},
	{"promote-file-cannot-be-edited", 1, func(t *testing.T, w *world) {
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "Pulumi.prod.yaml"),
			[]byte("config:\n  aws:region: eu-central-1\n  images:\n    backend:\n      secure: AAAB\n"), 0o600))
		w.prod["machineImage"] = "x-arm64"
	}},
	{"promote-no-agents-in-the-first", 1, func(_ *testing.T, w *world) { delete(w.dev, "agentImage") }},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, platform(t, "arm64"), platform(t, "arm64"))
			c.set(t, w)
			before := w.file(t)
			session, status := w.run(t, "-from dev -to prod")
			require.Equal(t, c.status, status, session)
			opstest.Golden(t, c.name+".txt", session)
			require.Equal(t, before, w.file(t))
		})
	}
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-from dev":                         "want both -from and -to",
		"-from dev -to dev":                 "-from and -to are both dev: want two stacks",
		"-from dev -to prod -only backends": "-only backends: want backend or agent",
		"-from dev -to prod now":            `unexpected argument "now"`,
	} {
		w := newWorld(t, platform(t, "arm64"), platform(t, "arm64"))
		session, status := w.run(t, args)
		require.Equal(t, command.Misused, status, session)
		require.Contains(t, session, want)
		require.Empty(t, w.aws.Calls())
	}
}

// Two accounts, each with credentials of its own.
func TestProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, platform(t, "arm64"), platform(t, "arm64"))
	w.dev["loadBalancerArn"] = "arn:aws:elasticloadbalancing:eu-central-1:999988887777:loadbalancer/app/x/1"
	session, status := w.run(t, "-from dev -to prod -from-profile dev")
	require.Equal(t, command.Failed, status)
	require.Contains(t, session, "the credentials are of account 111122223333")
	require.Contains(t, session, "and the stack dev is in 999988887777")

	session, status = w.run(t, "-from dev -to prod -to-profile prod")
	require.Zero(t, status, session)
	require.Len(t, w.aws.Calls("GetCallerIdentity"), 3, "the first stack's account is not asked about without a profile for it")
}
