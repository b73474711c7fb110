package infratest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

func TestFromPlanOffersTheSameAssertions(t *testing.T) {
	t.Parallel()
	planned, err := plan.Run(t.Context(), plan.Options{Dir: "../plan/testdata/program", Stack: "dev"})
	require.NoError(t, err)
	g := FromPlan(planned)
	g.RequireDescend(t, "scalable-backend:data:Data::data")
	require.True(t, g.Only(t, bucketToken).Protect)
	require.Len(t, g.Only(t, secretToken).Secret(t, "secretString"), 32)
	require.Equal(t, "arn:aws:s3:::data-bucket", g.Outputs(t, "scalable-backend:data:Data::data")["bucketArn"])
}
