package proof

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

var updateFiles = flag.Bool("update", false, "write testdata and docs/security.md again")

// The shipped stacks register what testdata holds, so that every change of the graph is visible in a review.
func TestGoldenGraphs(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod", "other"} {
		t.Run(stack, func(t *testing.T) {
			name := "testdata/" + stack + ".json"
			var now bytes.Buffer
			require.NoError(t, planned(t, stack).WriteReadable(&now))
			require.NotContains(t, now.String(), "made-up-", "the file must contain no secret, not even a made-up one")
			if *updateFiles {
				require.NoError(t, os.WriteFile(filepath.Join(root, name), now.Bytes(), 0o644))
			}
			golden, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err, "`make golden` writes this file")
			if bytes.Equal(golden, now.Bytes()) {
				return
			}
			before, err := graph.ReadGraph(bytes.NewReader(golden))
			require.NoError(t, err, name)
			_, diff, err := plan.Compare(t.Context(), before, configured(stack, nil))
			require.NoError(t, err)
			var text bytes.Buffer
			require.NoError(t, diff.WriteText(&text))
			t.Errorf("the program no longer registers what is in %s:\n\n%s\nIf this is intended, run `make golden` and commit the file.", name,
				text.String())
		})
	}
}
