package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan/shape"
)

func restored(t *testing.T, stack string) *graph.Graph {
	t.Helper()
	file, err := os.Open("../../testdata/" + stack + ".json")
	require.NoError(t, err)
	defer file.Close()
	g, err := graph.ReadGraph(file)
	require.NoError(t, err)
	return shape.Restore(g)
}

// ways returns the arrows of a drawing with their labels.
func ways(t *testing.T, g *graph.Graph) map[string]string {
	t.Helper()
	d, err := model(g)
	require.NoError(t, err)
	all := map[string]string{}
	for _, a := range d.arrows {
		all[a.from+" > "+a.to] = a.label
	}
	return all
}

func TestArrowsAreWhatTheGraphAllows(t *testing.T) {
	t.Parallel()
	g := restored(t, "prod")
	require.Equal(t, map[string]string{
		"users > public": "80, 443", "gateway > private": "8081", "public > fleet": "8080", "private > fleet": "8081", "fleet > data": "5432",
		"fleet > links": "443", "tasks > links": "443", "fleet > nat": "443", "tasks > nat": "443", "nat > internet": "",
		"users > bucket": "files, by presigned URL", "internet > gateway": "signed calls", "fleet > bucket": "by the S3 endpoint",
		"tasks > bucket": "files",
	}, ways(t, g))

	without := func(token, name string) *graph.Graph {
		edited := *g
		edited.Resources = slices.DeleteFunc(slices.Clone(g.Resources), func(r graph.Resource) bool { return r.Type == token && r.Name == name })
		require.Len(t, edited.Resources, len(g.Resources)-1)
		return &edited
	}
	closed := ways(t, without("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "network-backend-to-database-5432-in"))
	require.NotContains(t, closed, "fleet > data", "the picture shows what the rules allow, not what is usual")
	require.NotContains(t, ways(t, without(endpointType, "network-s3")), "tasks > bucket", "the files take the NAT then")
}

// Every stack is one well-formed picture, in which no line of text leaves its box and no two boxes have the same place.
func TestPictures(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod", "other"} {
		g := restored(t, stack)
		g.Stack = stack + ` <b>&"`
		var svg bytes.Buffer
		require.NoError(t, WriteSVG(&svg, g))
		decoder := xml.NewDecoder(&svg)
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		d, err := model(g)
		require.NoError(t, err)
		places := map[[2]int]string{}
		for _, b := range d.boxes {
			require.LessOrEqual(t, len(b.lines), 3, b.title)
			for _, line := range b.lines {
				require.LessOrEqual(t, len(line), 32, line)
			}
			require.Empty(t, places[[2]int{b.column, b.row}], b.title)
			places[[2]int{b.column, b.row}] = b.title
		}
	}
}

// A graph without ids has no network to draw.
func TestUnknownGraphs(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../testdata/dev.json")
	require.NoError(t, err)
	g, err := graph.ReadGraph(bytes.NewReader(file))
	require.NoError(t, err)
	require.ErrorContains(t, WriteSVG(io.Discard, g), "drawing: the graph was planned with unknown outputs")
}
