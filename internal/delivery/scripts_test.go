package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const preview = `"PREVIEW_ROLE_DEV": "` + role + `a"`

// A workflow is off without a role, and says so; with one, each setting that is missing or wrong is an error that names it.
func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ variables, printed, stacks string }{
		"nothing": {
			`{}`, "::notice::off: none of the repository variables PREVIEW_ROLE_DEV PREVIEW_ROLE_EU_PROD PREVIEW_ROLE_PROD is set", "[]",
		},
		"another workflow's": {`{"DRIFT_ROLE_DEV": "` + role + `a"}`, "::notice::off", "[]"},
		"one":                {variables, "", `[{"stack":"dev","role":"` + role + `preview"},{"stack":"prod","role":"` + role + `preview"}]`},
		"of a name with a dash": {
			`{"AWS_REGION": "us-gov-west-1", "PULUMI_ORGANIZATION": "acme", "PREVIEW_ROLE_EU_PROD": "arn:aws-us-gov:iam::111122223333:role/ci/a"}`,
			"", `[{"stack":"eu-prod","role":"arn:aws-us-gov:iam::111122223333:role/ci/a"}]`,
		},
		"the role alone":  {`{` + preview + `}`, "::error::repository variable AWS_REGION: want", ""},
		"no state":        {`{` + preview + `, "AWS_REGION": "us-east-1"}`, "variable PULUMI_BACKEND_URL, such as", ""},
		"a zone":          {`{` + preview + `, "AWS_REGION": "us-east-1a", "PULUMI_ORGANIZATION": "a"}`, "variable AWS_REGION", ""},
		"a file as state": {`{` + preview + `, "AWS_REGION": "us-east-1", "PULUMI_BACKEND_URL": "file://~"}`, "want s3://", ""},
		"a user, and more": {
			`{"PREVIEW_ROLE_DEV": "arn:aws:iam::111122223333:user/a\n::add-mask::x", "AWS_REGION": "us-east-1", "PULUMI_ORGANIZATION": "a"}`,
			"want the ARN of a role, got arn:aws:iam::111122223333:user/a::add-mask::x", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, nil)
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi.eu-prod.yaml"), nil, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi.dev.local.yaml"), nil, 0o600))
			printed, _, err := s.bash(t, "scripts/ci/settings.sh PREVIEW_ROLE", map[string]string{"VARIABLES": c.variables})
			require.Contains(t, printed, c.printed)
			if c.stacks == "" {
				require.Error(t, err)
				require.Empty(t, s.file(t, "output"))
				return
			}
			require.NoError(t, err, printed)
			require.Equal(t, "stacks="+c.stacks+"\n", s.file(t, "output"))
			require.Equal(t, c.printed == "", printed == "")
		})
	}
}

// Nothing is deployed through an environment without its protection, and GitHub makes one without it.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	const reviewed = `{"deployment_branch_policy": {}, "protection_rules": [{"type": "branch_policy"}, {"type": "required_reviewers"}]}`
	const branches = `{"deployment_branch_policy": {}, "protection_rules": [{"type": "branch_policy"}]}`
	const open = `{"deployment_branch_policy": null, "protection_rules": []}`
	for name, c := range map[string]struct{ dev, prod, printed string }{
		"protected":           {branches, reviewed, ""},
		"not there":           {branches, "", "::error::environment prod: it could not be read, or does not exist"},
		"nobody approves":     {branches, branches, "::error::environment prod: nobody must approve"},
		"any branch into dev": {open, reviewed, "::error::environment dev: every branch may deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{
				"gh": `case "$*" in *dev) echo '` + c.dev + `' ;; *prod) [ -n '` + c.prod + `' ] && echo '` + c.prod + `' ;; esac`,
			})
			printed, _, err := s.bash(t, "scripts/ci/environments.sh", map[string]string{"REPOSITORY": "o/r", "STACKS": deployable})
			require.Equal(t, c.printed == "", err == nil, printed)
			require.Equal(t, c.printed == "", printed == "", printed)
			require.Contains(t, printed, c.printed)
		})
	}
	s := newSandbox(t, nil)
	printed, calls, err := s.bash(t, "scripts/ci/environments.sh", map[string]string{"REPOSITORY": "o/r", "STACKS": `[{"stack":"test"}]`})
	require.NoError(t, err)
	require.Contains(t, printed, "::warning::DEPLOY_ROLE of test: deploy.yml has jobs for dev and prod alone")
	require.Empty(t, calls)
}

// An approval that comes after dev has moved on promotes nothing.
func TestImagesMustBeThoseOfTheRun(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, answers)
	_, _, err := s.bash(t, "scripts/ci/images.sh dev '"+images+"'", nil)
	require.NoError(t, err)
	printed, _, err := s.bash(t, "scripts/ci/images.sh dev '"+strings.ReplaceAll(images, "aa", "cc")+"'", nil)
	require.Error(t, err)
	require.Contains(t, printed, "::error::dev no longer runs what this run has deployed: approve the newest run")
	s = newSandbox(t, map[string]string{"pulumi": `echo '{"backendImage": "r@sha256:aa"}'`}) // without agents
	printed, _, err = s.bash(t, "scripts/ci/images.sh dev", nil)
	require.NoError(t, err)
	require.Equal(t, "images=[\"sha256:aa\",null]\n", printed)
	s = newSandbox(t, map[string]string{"pulumi": "echo '{}'; exit 255"})
	_, _, err = s.bash(t, "scripts/ci/images.sh dev '[null,null]'", nil)
	require.Error(t, err, "a stack that could not be read runs nothing")
}

// What a stack built itself, and what its file names, stays as it is.
func TestPromoted(t *testing.T) {
	t.Parallel()
	const stack = `{"type": "pulumi:pulumi:Stack", "outputs": {"backendImage": "b@sha256:aa", "agentImage": "a@sha256:bb"}}`
	const built = `{"type": "awsx:ecr:Image", "urn": "urn:pulumi:prod::p::scalable-backend:images:Images$awsx:ecr:Image::images-agent"}`
	const backend = "pulumi config set --stack prod --path images.backend b@sha256:aa\n"
	const agent = "pulumi config set --stack prod --path images.agent a@sha256:bb\n"
	for name, c := range map[string]struct{ state, named, set string }{
		"both promoted":           {`{"deployment": {"resources": [` + stack + `]}}`, "", backend + agent},
		"agent built":             {`{"deployment": {"resources": [` + stack + `, ` + built + `]}}`, "", backend},
		"backend in the file":     {`{"deployment": {"resources": [` + stack + `]}}`, "images.backend", agent},
		"a stack without outputs": {`{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}]}}`, "", ""},
		"an output that is no image": {
			`{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": {"backendImage": {"ciphertext": "a"}, "agentImage": ""}}]}}`,
			"", "",
		},
		"an empty stack": {`{"deployment": {}}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{"pulumi": `case "$*" in
"stack export"*) echo '` + c.state + `' ;;
"config get"*"` + c.named + `") [ -n '` + c.named + `' ] ;;
"config get"*) exit 1 ;;
esac`})
			printed, calls, err := s.bash(t, "scripts/ci/promoted.sh prod", nil)
			require.NoError(t, err, printed)
			set := ""
			for line := range strings.Lines(calls) {
				if strings.HasPrefix(line, "pulumi config set") {
					set += line
				}
			}
			require.Equal(t, c.set, set)
		})
	}
	s := newSandbox(t, map[string]string{"pulumi": "exit 255"})
	_, _, err := s.bash(t, "scripts/ci/promoted.sh prod", nil)
	require.Error(t, err, "a stack that could not be read")
}

// A preview that ends with status 7 found drift; any other status is a fault of the preview, and opens no issue.
func TestDrift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pulumi string
		fails  bool
		file   string
	}{
		"nothing": {"echo ' 224 unchanged'", false, ""},
		"drift":   {"echo ' ~ a'; echo 'error: no changes were expected' >&2; exit 7", false, " ~ a\nerror: no changes were expected\n"},
		"denied":  {"echo 'error: AccessDenied'; exit 255", true, "error: AccessDenied\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{"pulumi": c.pulumi})
			printed, _, err := s.bash(t, "scripts/ci/drift.sh prod \"$RUNNER_TEMP/drift.txt\"", nil)
			require.Equal(t, c.fails, err != nil, printed)
			require.NotEmpty(t, printed)
			require.Equal(t, c.file, s.file(t, "drift.txt"))
		})
	}
}

// There is one issue a stack: opened, then edited, then closed.
func TestDriftIssue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ number, drift, call string }{
		"opened": {"", " ~ @team\n~~~~~~~~~~~~~\n", "gh issue create --repo o/r --title Stack prod differs from main --body-file "},
		"edited": {"12", " ~ a\n", "gh issue edit 12 --repo o/r --body-file "},
		"closed": {"12", "", "gh issue close 12 --repo o/r --comment Nothing differs any more: https://run"},
		"none":   {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{"gh": `case "$*" in api*) printf '%s' '` + c.number + `' ;; esac
for a in "$@"; do case $a in */tmp*) cat "$a" > "$FAKES/body" ;; esac; done`})
			require.NoError(t, os.WriteFile(s.bin+"/drift.txt", []byte(c.drift), 0o600))
			printed, calls, err := s.bash(t, "scripts/ci/drift-issue.sh prod \"$RUNNER_TEMP/drift.txt\"",
				map[string]string{"REPOSITORY": "o/r", "RUN_URL": "https://run"})
			require.NoError(t, err, printed)
			_, call, _ := strings.Cut(calls, ".number\n")
			require.True(t, strings.HasPrefix(call, c.call) && (c.call != "" || call == ""), call)
			if c.drift != "" {
				require.Contains(t, s.file(t, "body"), "https://run")
				require.Contains(t, s.file(t, "body"), "\n~~~~~~~~~~~~text\n ~ ")
			}
		})
	}
}

// The emulator ends with the script, whatever the preview says, and the stack file stays as it is.
func TestEmulatedPreviewLeavesNothing(t *testing.T) {
	t.Parallel()
	with := map[string]string{}
	for name, answer := range answers {
		with[name] = answer
	}
	with["pulumi"] = `case "$*" in preview*) echo "$AWS_ACCESS_KEY_ID $AWS_PROFILE $AWS_ENDPOINT_URL $PULUMI_BACKEND_URL"; exit 255 ;; esac`
	with["python3"] = strings.ReplaceAll(with["python3"], "exec sleep 60",
		"echo $$ > \"$FAKES/server\"; echo $MOTO_ACCOUNT_ID > \"$FAKES/account\"; exec sleep 60")
	s := newSandbox(t, with)
	before, err := os.ReadFile(filepath.Join(s.dir, "Pulumi.prod.yaml"))
	require.NoError(t, err)
	temporary := t.TempDir()
	printed, _, err := s.bash(t, "scripts/ci/emulated-preview.sh prod", map[string]string{
		"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "mine", "TMPDIR": temporary,
	})
	require.Error(t, err, "the preview's status")
	require.Equal(t, "111122223333\n", s.file(t, "account"), "the provider refuses an account that the stack does not allow")
	require.Contains(t, printed, "emulated  http://127.0.0.1:5001 file://"+temporary)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	after, err := os.ReadFile(filepath.Join(s.dir, "Pulumi.prod.yaml"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	_, _, err = s.bash(t, `! kill -0 "$(cat "$FAKES/server")" 2> /dev/null`, nil)
	require.NoError(t, err, "the emulator still runs")
}

// A state that is no service's cannot open an environment, and no pull request can mend that.
func TestEmulatedPreviewOfEnvironments(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, answers)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi.prod.yaml"), []byte("environment:\n  - acme/prod\n"), 0o600))
	printed, calls, err := s.bash(t, "scripts/ci/emulated-preview.sh prod", nil)
	require.NoError(t, err, printed)
	require.Contains(t, printed, "::notice::not previewed: prod takes values from environments")
	require.Empty(t, calls)
}
