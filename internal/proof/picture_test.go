package proof

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/picture"
)

// The README's picture is drawn from the graph of the production stack.
func TestArchitecturePicture(t *testing.T) {
	t.Parallel()
	var svg bytes.Buffer
	require.NoError(t, picture.WriteSVG(&svg, planned(t, "prod")))
	requireFile(t, filepath.Join(root, "docs", "architecture.svg"), svg.String())
}
