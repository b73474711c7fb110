package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/servers"
)

func repository(t *testing.T) string {
	t.Helper()
	root, err := servers.Repository()
	require.NoError(t, err)
	return root
}

// Each class of the program's prices has a row on the page, and each row a price.
func TestDatabaseClassesHavePrices(t *testing.T) {
	prices, err := readPrices(repository(t))
	require.NoError(t, err)
	var names []string
	for _, c := range databaseClasses {
		names = append(names, c.Name)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(prices.Databases)), names)
	require.Positive(t, prices.Instances[instanceType])
}

func TestSizes(t *testing.T) {
	b, err := example().basis()
	require.NoError(t, err)
	require.Equal(t, 500*time.Microsecond, b.Job1.CPU)
	require.InDelta(t, 2.0, b.TLS, 1e-9)
	// 200 jobs a second with 1.3 calls a claim more: 460 calls.
	require.InDelta(t, 0.23/460, b.APICall, 1e-9)
	require.InDelta(t, 20*mib/1000.0, b.Waiter, 1e-6)
	require.InDelta(t, 2*0.7/0.0005, databaseClasses[3].jobRate(b.Job1.CPU, 1), 1e-6)
	require.InDelta(t, 2*0.1/0.0005, databaseClasses[0].jobRate(b.Job1.CPU, databaseClasses[0].Base), 1e-6)
	require.Equal(t, 112, databaseClasses[0].connections())

	f := fleet{Agents: 1000, Files: 1000, Jobs: 100}
	require.InDelta(t, 300, f.calls(), 1e-9) // 50 to ask, 50 to renew, 200 for jobs
	require.Equal(t, 3, f.backends(b))
	require.InDelta(t, 12_000, fleetGoal.calls(), 1e-9)
	require.Equal(t, 5, fleetGoal.backends(b)) // 12,000 × 0.5 ms are six processors, of which an instance gives 1.4
	demands := fleetGoal.demands(b, databaseClasses[4])
	require.Equal(t, "processors of the database, db.m7g.xlarge", demands[0].What)
	require.InDelta(t, 12, demands[0].Need, 1e-9)
	require.True(t, slices.IsSortedFunc(demands, func(x, y demand) int { return int(1e6 * (y.ratio() - x.ratio())) }))
}

func TestSizesSayWhatIsMissing(t *testing.T) {
	_, err := (&report{}).basis()
	require.ErrorContains(t, err, "no row ours, 80 agents, 1 at a time")
	require.ErrorContains(t, err, "no download over TLS")
	require.ErrorContains(t, err, "no growth")
	require.ErrorContains(t, err, "no waiting agents")
	_, err = readPrices(t.TempDir())
	require.ErrorContains(t, err, "prices.yaml")
}

func TestRounded(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 0.04: "0.0", 7.84: "7.8", 78.4: "78", 2966: "3,000", 1_234_567: "1,200,000"} {
		require.Equal(t, want, rounded(f))
	}
	require.Equal(t, "0.039", figure(0.0389))
}
