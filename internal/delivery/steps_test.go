package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakes are the programs that speak to GitHub, AWS and registries, or take long. Each notes how it was called; what it answers is a script.
var fakes = []string{"gh", "pulumi", "aws", "docker", "go", "make", "sudo", "brew", "python3", "curl", "ops"}

// sandbox is a copy of what the steps read, and the stand-ins.
type sandbox struct {
	dir, bin string
	outputs  map[string]string // steps.<id>.outputs.<name>
}

// newSandbox takes the answers of stand-ins: the text of a shell script each, for which "$*" is how it was called.
func newSandbox(t *testing.T, answers map[string]string) *sandbox {
	t.Helper()
	s := &sandbox{dir: t.TempDir(), bin: t.TempDir(), outputs: map[string]string{}}
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	// Links: a program that this process has just written may be "busy" when it is started (golang/go#22315).
	for _, directory := range []string{".github", "scripts"} {
		require.NoError(t, os.Symlink(filepath.Join(top, directory), filepath.Join(s.dir, directory)))
	}
	for _, file := range []string{"go.mod", "Pulumi.yaml", "testdata/Pulumi.dev.yaml", "testdata/Pulumi.prod.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, filepath.Base(file)), text, 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, ".cache/bin"), 0o755))
	for _, name := range fakes {
		path := filepath.Join(s.bin, name)
		if name == "ops" {
			path = filepath.Join(s.dir, ".cache/bin", name)
		}
		require.NoError(t, os.Symlink(filepath.Join(top, "internal/delivery/testdata/fake"), path))
	}
	require.NoError(t, os.Mkdir(s.bin+"/answers", 0o755))
	for name, answer := range answers {
		require.Contains(t, fakes, name)
		require.NoError(t, os.WriteFile(filepath.Join(s.bin, "answers", name), []byte(answer+"\n"), 0o600))
	}
	return s
}

// bash runs a text as GitHub runs a step without `shell`, and returns what it printed and the calls so far.
func (s *sandbox) bash(t *testing.T, script string, env map[string]string) (printed, calls string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-e", "-c", script)
	command.Dir = s.dir
	command.Env = []string{
		"PATH=" + s.bin + ":" + os.Getenv("PATH"), "HOME=" + s.bin, "CALLS=" + s.bin + "/calls", "FAKES=" + s.bin, "RUNNER_TEMP=" + s.bin,
		"GITHUB_OUTPUT=" + s.bin + "/output", "GITHUB_STEP_SUMMARY=" + s.bin + "/summary",
		"GITHUB_REPOSITORY=o/r", "GITHUB_RUN_ID=9", "GITHUB_REF_NAME=v1.2.3",
	}
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.CombinedOutput()
	text, readErr := os.ReadFile(s.bin + "/calls")
	if readErr != nil {
		require.ErrorIs(t, readErr, os.ErrNotExist)
	}
	return string(out), string(text), err
}

// file returns the text of a file that a step wrote into the runner's directory, "" if there is none.
func (s *sandbox) file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.bin, name))
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return string(text)
}

var expression = regexp.MustCompile(`\$\{\{ (.+?) \}\}`)

// fill puts values in the place of expressions.
func (s *sandbox) fill(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		if value, ok := s.outputs[name]; ok {
			return value
		}
		value, ok := values[name]
		require.True(t, ok, "the test gives no value to %s", found)
		return value
	})
}

// run runs every `run` step of a job, those of the repository's own actions included, and returns the calls.
func (s *sandbox) run(t *testing.T, w workflow, j job, values map[string]string) string {
	t.Helper()
	own := actions(t)
	calls := ""
	var do func(steps []step)
	do = func(steps []step) {
		for _, step := range steps {
			if a, ok := own[step.Uses]; ok {
				do(a.Runs.Steps)
			}
			if step.Run == "" {
				continue
			}
			env := map[string]string{}
			for _, set := range []map[string]string{w.Env, j.Env, step.Env} {
				for name, value := range set {
					env[name] = s.fill(t, value, values)
				}
			}
			require.NoError(t, os.RemoveAll(s.bin+"/output"))
			printed, all, err := s.bash(t, step.Run, env)
			require.NoError(t, err, "%s\n%s", step.Run, printed)
			calls = all
			for line := range strings.Lines(s.file(t, "output")) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				s.outputs["steps."+step.ID+".outputs."+name] = value
			}
		}
	}
	do(j.Steps)
	return calls
}

const (
	role     = "arn:aws:iam::111122223333:role/"
	images   = `["sha256:aa","sha256:bb"]`
	revision = "0123456789abcdef0123456789abcdef01234567"
	cli      = "go list -m -f {{.Version}} github.com/pulumi/pulumi/sdk/v3\n"
)

// variables are those of a repository that is set up: docs/delivery.md.
const variables = `{"AWS_REGION": "us-east-1", "PULUMI_BACKEND_URL": "s3://state?region=us-east-1",
"PREVIEW_ROLE_DEV": "` + role + `preview", "PREVIEW_ROLE_PROD": "` + role + `preview", "DRIFT_ROLE_PROD": "` + role + `drift",
"DEPLOY_ROLE_DEV": "` + role + `deploy-dev", "DEPLOY_ROLE_PROD": "` + role + `deploy-prod"}`

var deployable = `[{"stack":"dev","role":"` + role + `deploy-dev"},{"stack":"prod","role":"` + role + `deploy-prod"}]`

// answers are those of a repository and of stacks where all is well.
var answers = map[string]string{
	"go": `case "$*" in
"list -m"*) echo v3.276.0 ;;
"run ./cmd/plan diff"*) echo nothing changes; echo nothing changes > plan.txt ;;
"run ./cmd/plan show"*) echo '{"outputs": {
"backendRepositoryUrl": "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/my-app-1f/prod/backend",
"agentRepositoryUrl": "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/my-app-1f/prod/agent"}}' ;;
esac`,
	"gh": `case "$*" in
"run download"*) mkdir -p artifact dist; echo nothing changes > artifact/plan.txt; : > dist/agent_1.2.3_linux_amd64.tar.gz ;;
*"/pulls "*) echo 7 ;;
*/environments/*) echo '{"deployment_branch_policy": {}, "protection_rules": [{"type": "required_reviewers"}]}' ;;
esac`,
	"pulumi": `case "$*" in
"stack output --json"*) echo '{"backendImage": "repository/backend@sha256:aa", "agentImage": "repository/agent@sha256:bb"}' ;;
"stack export"*) echo '{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack",
"outputs": {"backendImage": "repository/backend@sha256:aa"}}]}}' ;;
"config get"*) exit 1 ;;
esac`,
	"sudo": `exec "$@"`,
	"python3": `mkdir -p "$3/bin"
for name in pip python moto_server; do
printf '#!/bin/sh\nprintf "%%s\\n" "%s $*" >> "$CALLS"\n' "$name" > "$3/bin/$name"; chmod 700 "$3/bin/$name"; done
echo 'echo 5001' >> "$3/bin/python"; echo 'exec sleep 60' >> "$3/bin/moto_server"`,
	"curl": `until grep -q ^moto_server "$CALLS"; do sleep 0.05; done`,
}

// jobRun is a job, what its expressions are, and what its steps must call.
type jobRun struct {
	values map[string]string
	calls  string
	output string // the one of the job that others read
}

var jobRuns = map[string]jobRun{
	"check.yml check":  {calls: "brew install postgresql@17\nmake check\nmake demo\n"},
	"check.yml images": {calls: "sudo env PATH=<path> make test-images\nmake test-images\n"},
	"plan.yml plan":    {calls: "go run ./cmd/plan diff -base HEAD^1 -format text=plan.txt -format markdown\n"},
	"plan-comment.yml comment": {
		values: map[string]string{
			"github.token": "t", "github.repository": "o/r", "github.event.workflow_run.id": "8",
			"github.event.workflow_run.head_repository.owner.login": "someone", "github.event.workflow_run.head_branch": "main; touch x",
			"github.event.workflow_run.head_sha": revision,
		},
		calls: "gh run download 8 --repo o/r --name plan --dir artifact\n" +
			"gh api --method GET repos/o/r/pulls -f state=open -f head=someone:main; touch x " +
			"--jq .[] | select(.head.sha == \"" + revision + "\") | .number\n" +
			"gh api --paginate repos/o/r/issues/7/comments --jq .[] | select(.user.login == \"github-actions[bot]\" and (.body | " +
			"startswith(\"<!-- the plan of this pull request -->\"))) | .id\n" +
			"gh api --method POST repos/o/r/issues/7/comments -F body=@<temporary> --jq .html_url\n",
	},
	"preview.yml settings": {
		values: map[string]string{"toJSON(vars)": variables},
		output: `[{"stack":"dev","role":"` + role + `preview"},{"stack":"prod","role":"` + role + `preview"}]`,
	},
	"preview.yml preview": {
		values: map[string]string{"matrix.stack": "prod", "vars.PULUMI_BACKEND_URL": "s3://state"},
		calls: cli + "pulumi stack export --stack prod\npulumi config get --stack prod --path images.backend\n" +
			"pulumi config set --stack prod --path images.backend repository/backend@sha256:aa\n",
	},
	"deploy.yml settings": {
		values: map[string]string{"toJSON(vars)": variables, "github.token": "t", "github.repository": "o/r"},
		calls:  "gh api repos/o/r/environments/dev\ngh api repos/o/r/environments/prod\n",
		output: deployable,
	},
	"deploy.yml dev": {
		values: map[string]string{"vars.PULUMI_BACKEND_URL": "s3://state"},
		calls: cli + "make ops\npulumi up --stack dev --yes --skip-preview --non-interactive\nops rollout -stack dev\n" +
			"pulumi stack output --json --non-interactive --stack dev\n",
		output: images,
	},
	"deploy.yml prod": {
		values: map[string]string{"vars.PULUMI_BACKEND_URL": "s3://state", "needs.dev.outputs.images": images},
		calls: cli + "make ops\npulumi stack output --json --non-interactive --stack dev\nops promote -from dev -to prod\n" +
			"pulumi up --stack prod --yes --skip-preview --non-interactive\nops rollout -stack prod\n",
	},
	"drift.yml settings": {
		values: map[string]string{"toJSON(vars)": variables},
		output: `[{"stack":"prod","role":"` + role + `drift"}]`,
	},
	"drift.yml drift": {
		values: map[string]string{
			"matrix.stack": "prod", "vars.PULUMI_BACKEND_URL": "s3://state", "github.token": "t", "github.repository": "o/r",
			"github.server_url": "https://github.com", "github.run_id": "9",
		},
		calls: cli + "pulumi stack export --stack prod\npulumi config get --stack prod --path images.backend\n" +
			"pulumi config set --stack prod --path images.backend repository/backend@sha256:aa\n" +
			"pulumi preview --stack prod --refresh --expect-no-changes --exclude **$docker-build:index:Image::** " +
			"--diff --non-interactive --color never\n" +
			"gh api --paginate --method GET repos/o/r/issues -f state=open -f creator=github-actions[bot] -f per_page=100 " +
			"--jq .[] | select(.title == \"Stack prod differs from main\" and .pull_request == null) | .number\n",
	},
	"emulated.yml preview": {
		values: map[string]string{"matrix.stack": "prod"},
		calls: cli + "go run ./cmd/plan show -stack prod -json\n" +
			"python3 -m venv <temporary>/venv\n" +
			"pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r .github/emulator/requirements.txt\n" +
			"python -c import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])\n" +
			"moto_server -H 127.0.0.1 -p 5001\n" +
			"pulumi stack init prod --non-interactive\n" +
			emulatedImage("backend") + emulatedImage("agent") +
			"pulumi preview --stack prod --diff --non-interactive --color never\n",
	},
	"release.yml build": {values: map[string]string{"github.ref_name": "v1.2.3"}, calls: "make release\n"},
	"release.yml publish": {
		values: map[string]string{"github.token": "t"},
		calls: "gh run download 9 --repo o/r --name release --dir dist\n" +
			"gh release create v1.2.3 --repo o/r --verify-tag --title v1.2.3 --notes-file dist/notes.md " +
			"dist/agent_1.2.3_linux_amd64.tar.gz dist/checksums.txt\n",
	},
}

func emulatedImage(service string) string {
	return "pulumi config set --stack prod --path images." + service +
		" 111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/my-app-1f/prod/" + service + "@sha256:" + strings.Repeat("0", 64) + "\n"
}

// Every `run` step of every workflow runs here, in the order of its job; only the programs that speak to others are stand-ins.
func TestStepsRun(t *testing.T) {
	t.Parallel()
	temporary := regexp.MustCompile(regexp.QuoteMeta(strings.TrimSuffix(os.TempDir(), "/")) + `/tmp\.\w+`)
	var done []string
	for name, w := range workflows(t) {
		for name, j := range jobs(name, w) {
			want, ok := jobRuns[name]
			require.True(t, ok, "%s: say what its steps call", name)
			done = append(done, name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newSandbox(t, answers)
				got := temporary.ReplaceAllString(s.run(t, w, j, want.values), "<temporary>")
				got = regexp.MustCompile(`(?m)^curl .* http://127.0.0.1:5001/moto-api/\n`).ReplaceAllString(got, "") // until it answers
				got = strings.ReplaceAll(got, "PATH="+s.bin+":"+os.Getenv("PATH"), "PATH=<path>")
				require.Equal(t, want.calls, got)
				for name, value := range s.outputs {
					if strings.HasPrefix(name, "steps.settings.") || strings.HasPrefix(name, "steps.images.") {
						require.Equal(t, want.output, value, name)
					} else {
						require.Equal(t, "steps.version.outputs.pulumi", name)
						require.Equal(t, "3.276.0", value)
					}
				}
				require.NoFileExists(t, filepath.Join(s.dir, "x"), "a branch's name was run")
			})
		}
	}
	slices.Sort(done)
	require.Len(t, done, len(jobRuns))
}
