package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// section is what stands between two texts of a page, with single spaces in place of line ends.
func section(t *testing.T, page, from, to string) string {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(root, page))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(all), from)
	require.True(t, found, "%s: %s", page, from)
	text, _, found := strings.Cut(rest, to)
	require.True(t, found, "%s: %s", page, to)
	return strings.Join(strings.Fields(text), " ")
}

// What stays of a destroyed dev is in both documents, with the numbers of the program.
func TestDocumentsSayWhatStaysOfDev(t *testing.T) {
	t.Parallel()
	dev := planned(t, "dev")
	require.Len(t, dev.OfType("aws:kms/key:Key"), 3)
	for _, key := range dev.OfType("aws:kms/key:Key") {
		require.EqualValues(t, 7, input(t, key, "deletionWindowInDays"))
	}
	for _, text := range []string{
		section(t, "README.md", "## Clean up", "Production"), section(t, "docs/runbook.md", "### Destroy", "prod refuses"),
	} {
		for _, said := range []string{"hree KMS keys", "seven days", "task definition", "inactive", "API Gateway logging role"} {
			require.Contains(t, text, said)
		}
	}
}

// The preview of a new password lists what holds the version of the secret, and what holds the version of that: it knows neither yet.
func TestDocumentsSayWhatTheNewPasswordsPreviewLists(t *testing.T) {
	t.Parallel()
	g := planned(t, "prod")
	template, group := only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), only(t, g, "aws:autoscaling/group:Group")
	require.Contains(t, template.PropertyDependencies["userData"],
		"aws:secretsmanager/secretVersion:SecretVersion::database-credentials-version")
	require.Contains(t, group.PropertyDependencies["launchTemplate"], template.Key())
	text := section(t, "docs/runbook.md", "### Rotate the database password", "###")
	for _, listed := range []string{"a policy", "the launch template", "the Auto Scaling group", "leaves all three alone"} {
		require.Contains(t, text, listed)
	}
}

// What the owner's first commands do beside what they are for.
func TestDocumentsWarnOfTheFirstCommands(t *testing.T) {
	t.Parallel()
	text := section(t, "README.md", "## Deploy", "For production")
	for _, said := range []string{"without its comments", "an AWS plugin of its own", "warns of it at each `pulumi destroy`"} {
		require.Contains(t, text, said)
	}
}
