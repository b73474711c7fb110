package images

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "images.Args: want a value, got nil")
	wrong := &Args{Stack: infratest.Stack(), Context: "../x", Backend: "x", Agent: "y", RDSBundleChecksum: "z"}
	const own = "<account>.dkr.ecr.eu-central-1.amazonaws.com/scalable-backend/test/"
	require.EqualError(t, wrong.validate(), `images.Args.DataKeyARN: want a value, got nil
images.Args.Architecture: want arm64 or x86_64, got ""
images.Args.Context: want a path inside the project, got "../x"
images.Args.RDSBundleChecksum: want sha256:<64 hex digits>, got "z"
images.Args.Backend: not a digest URI: want `+own+`backend@sha256:<64 hex digits>
images.Args.Agent: not a digest URI: want `+own+`agent@sha256:<64 hex digits>`)
}
