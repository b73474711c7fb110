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
	"scalable-backend/internal/plan"
)

// configSet matches the `pulumi config set` commands in the documentation and captures key and value.
var configSet = regexp.MustCompile("pulumi config set (?:--path |--plaintext |--type string )*('[^']+'|[^' ]+) (?:--type string " +
	")?([^\\s`]+)")

// standIns replaces the placeholders that an owner fills in.
var standIns = strings.NewReplacer(
	"<account>", "111122223333", "<address>", "ops@example.org",
	"<arn>", "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
	"sha256:...", "sha256:"+strings.Repeat("a", 64),
)

// The program accepts every `pulumi config set` command in the documentation, together with the others in its line.
func TestDocumentedConfigCommands(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/runbook.md"} {
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
				settings[strings.Trim(command[1], "'")] = standIns.Replace(strings.Trim(command[2], "'"))
			}
			t.Run(filepath.Base(page)+" "+commands[0][1], func(t *testing.T) {
				o := configured("prod", settings)
				o.Program = func(ctx *pulumi.Context) error {
					_, err := config.Load(ctx)
					return err
				}
				_, err := plan.Run(t.Context(), o)
				require.NoError(t, err, line)
			})
		}
	}
}
