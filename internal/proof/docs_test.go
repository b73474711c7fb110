package proof

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/config"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
)

// configSet matches the `pulumi config set` commands in the documentation and captures key and value.
var configSet = regexp.MustCompile("pulumi config set (?:--path |--plaintext |--type string )*('[^']+'|[^' ]+) (?:--type string " +
	")?([^\\s`]+)")

// standIns replaces the placeholders that an owner fills in.
var standIns = strings.NewReplacer(
	"<account>", "111122223333", "<address>", "ops@example.org",
	"<arn>", "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
	"sha256:...", "sha256:"+strings.Repeat("a", 64), "<digest>", strings.Repeat("a", 64),
	"$repository", "111122223333.dkr.ecr.us-east-1.amazonaws.com/scalable-backend/prod/backend",
)

// Every alarm and every event rule of a stack with monitoring.runbookUrl links to a heading of the runbook that exists, and no
// description is too long with the longest address.
func TestAlarmsLinkToTheRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/runbook.md"))
	require.NoError(t, err)
	const at = "Runbook: https://wiki.example.com/runbook#"
	fields := map[string]struct {
		name    string
		longest int
	}{"aws:cloudwatch/metricAlarm:MetricAlarm": {"alarmDescription", 1024}, "aws:cloudwatch/eventRule:EventRule": {"description", 512}}
	seen := map[string]int{}
	for _, r := range planned(t, "other").Resources {
		field, ok := fields[r.Type]
		if !ok {
			continue
		}
		seen[r.Type]++
		value, _ := r.Revealed(field.name)
		description, _ := value.(string)
		before, entry, ok := strings.Cut(description, at)
		require.True(t, ok, "%s: %q names no entry at the address", r.Name, description)
		require.Regexp(t, `(?m)^### `+regexp.QuoteMeta(entry)+`$`, string(text), r.Name)
		require.LessOrEqual(t, len(before)+len("Runbook: #")+256+len(entry), field.longest, r.Name)
	}
	require.Greater(t, seen["aws:cloudwatch/metricAlarm:MetricAlarm"], 20)
	require.Positive(t, seen["aws:cloudwatch/eventRule:EventRule"])
}

// The program accepts every `pulumi config set` command in the documentation, together with the others in its line.
func TestDocumentedConfigCommands(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/runbook.md", "docs/bring-your-own.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		require.NoError(t, err)
		require.Regexp(t, configSet, string(text), page)
		for line := range strings.Lines(string(text)) {
			commands := configSet.FindAllStringSubmatch(line, -1)
			if len(commands) == 0 {
				continue
			}
			settings := map[string]string{"aws:allowedAccountIds[0]": "111122223333"}
			for _, command := range commands {
				settings[strings.Trim(command[1], "'")] = standIns.Replace(strings.Trim(command[2], `'"`))
			}
			t.Run(filepath.Base(page)+" "+commands[0][1], func(t *testing.T) {
				o := configured("prod", settings)
				o.Program = infratest.Inline(func(ctx *pulumi.Context) error {
					_, err := config.Load(ctx)
					return err
				})
				_, err := plan.Run(t.Context(), o)
				require.NoError(t, err, line)
			})
		}
	}
}
