package plan

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"scalable-backend/internal/graph"

	"github.com/stretchr/testify/require"
)

type object = map[string]any

const passwordToken = "random:index/randomPassword:RandomPassword"

// edited returns a copy of a graph with another value of one input.
func edited(t *testing.T, g *Graph, token, name, input string, value any) *Graph {
	t.Helper()
	out := *g
	out.Resources = nil
	for _, r := range g.Resources {
		if r.Type == token && r.Name == name {
			r.Inputs, r.RevealedInputs = object{input: value}, nil
		}
		out.Resources = append(out.Resources, r)
	}
	require.NotEqual(t, g, &out)
	return &out
}

// A replaced password has another value, so the secret version that holds it changes too. NewDiff alone cannot find that.
func TestCompareFollowsAReplacement(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	before := edited(t, g, passwordToken, "data-password", "length", 16.0)
	require.Equal(t, []string{passwordToken + "::data-password"}, graph.NewDiff(before, g).Keys(graph.Replace))

	after, d, err := Compare(t.Context(), before, options())
	require.NoError(t, err)
	require.Equal(t, asJSON(t, g), asJSON(t, after), "Compare must return the first graph, not one with changed outputs")
	require.Equal(t, []string{secretToken + "::data-secret", passwordToken + "::data-password"}, d.Keys(graph.Replace))
	require.Len(t, d.Resources[0].Properties, 1)
	require.Equal(t, "secretString", d.Resources[0].Properties[0].Path)
	require.True(t, d.Resources[0].Properties[0].Replaces)
	require.True(t, d.Resources[0].Properties[0].Follows)
	require.False(t, d.Resources[1].Properties[0].Follows)
	require.True(t, d.Resources[0].DeletedFirst, "the program sets DeleteBeforeReplace")
	require.Len(t, d.Outputs, 1)
	require.Equal(t, "password", d.Outputs[0].Path)
}

// A replacement of a resource with an automatic name has another name, which changes or replaces its dependents in turn.
func TestCompareFollowsNames(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	_, d, err := Compare(t.Context(), edited(t, g, bucketToken, "data-bucket", "objectLockEnabled", true), options())
	require.NoError(t, err)
	require.Equal(t, []string{"aws:s3/bucketPolicy:BucketPolicy::data-policy", bucketToken + "::data-bucket"}, d.Keys(graph.Replace))
	policy := d.Resources[0]
	require.Equal(t, "bucket", policy.Properties[0].Path)
	require.Equal(t, "data-bucket", policy.Properties[0].Before)
	require.Equal(t, "data-bucket-anew", policy.Properties[0].After)
	require.Equal(t, "policy.Resource", policy.Properties[1].Path)
	require.False(t, policy.Properties[1].Replaces)
	require.True(t, policy.Retained)
	require.True(t, d.Resources[1].Refused(), "the bucket is protected")
}

func TestCompareFindsNothingWhereNothingChanged(t *testing.T) {
	t.Parallel()
	_, d, err := Compare(t.Context(), run(t, options()), options())
	require.NoError(t, err)
	require.True(t, d.Empty(), "%+v", d)
}

// A graph is the same after it was written, in either form, and read.
func TestReadGraphReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	script := "#!/bin/bash\nset -e\necho " + strings.Repeat("x", 60) + "\n"
	g.Resources = append(g.Resources, Resource{Type: "a:b:C", Name: "texts", Inputs: object{
		"script": script, "encoded": base64.StdEncoding.EncodeToString([]byte(script)), "list": []any{`["a"]`}, "none": nil, "braces": "{x}",
		"word": "abcdefgh", "digest": strings.Repeat("abcd", 16),
	}})
	var readable, plain bytes.Buffer
	require.NoError(t, g.WriteReadable(&readable))
	require.NoError(t, g.WriteJSON(&plain))
	for _, text := range []string{`"(json)": {`, `"(lines)": [`, `"(base64)": {`, `"echo xxxx`} {
		require.Contains(t, readable.String(), text)
		require.NotContains(t, plain.String(), text, "WriteJSON must not decode texts")
	}
	for _, text := range []string{`"braces": "{x}"`, `"word": "abcdefgh"`, `"digest": "abcdabcd`} {
		require.Contains(t, readable.String(), text, "texts without a readable form must stay as they are")
	}
	for _, text := range []*bytes.Buffer{&readable, &plain} {
		written := text.String()
		require.NotContains(t, written, "made-up-", "the password")
		read, err := graph.ReadGraph(strings.NewReader(written))
		require.NoError(t, err)
		require.Empty(t, graph.NewDiff(g, read).Resources)
		require.Empty(t, graph.NewDiff(read, g).Outputs)
		var again bytes.Buffer
		require.NoError(t, read.WriteReadable(&again))
		require.Equal(t, readable.String(), again.String())
	}
}
