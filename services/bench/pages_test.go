package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pages again, of the figures that are kept")

// The pages are those of the figures that are kept beside them, with the prices of today.
func TestPagesAreThoseOfTheFigures(t *testing.T) {
	root := repository(t)
	docs := filepath.Join(root, "docs")
	prices, err := readPrices(root)
	require.NoError(t, err)
	figures, err := readReport(filepath.Join(docs, "benchmarks.json"))
	require.NoError(t, err)
	pages, err := figures.pages(prices)
	require.NoError(t, err)
	require.Len(t, pages, 4)
	if *update {
		require.NoError(t, figures.write(docs, prices))
	}
	for name, want := range pages {
		found, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err)
		require.Equal(t, want, string(found), "docs/%s: write it with `cd services/bench && go test . -run TestPages -update`", name)
	}
}
