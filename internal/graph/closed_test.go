package graph

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// What WriteReadable opens, Closed closes: texts are the same again, and JSON in them means the same.
func TestClosed(t *testing.T) {
	t.Parallel()
	script := "#!/bin/sh\necho one\necho {}\n"
	g := &Graph{Outputs: map[string]any{"o": script}, Resources: []Resource{{Type: "a:b/c:C", Name: "n", Inputs: map[string]any{
		"policy": `{"a":["<b>",1]}`, "script": script, "plain": "text", "number": 1.0, "none": nil,
		"deep": []any{map[string]any{"user": "IyEvYmluL3NoCmVjaG8gb25lIHR3byB0aHJlZSBmb3VyIGZpdmUgc2l4IHNldmVuIGVpZ2h0Cg=="}},
	}}}}
	var text bytes.Buffer
	require.NoError(t, g.WriteReadable(&text))
	require.Contains(t, text.String(), openJSON)
	require.Contains(t, text.String(), openLines)
	require.Contains(t, text.String(), openBase64)
	read, err := ReadGraph(&text)
	require.NoError(t, err)
	closed := read.Closed()
	require.Equal(t, g.Resources[0].Inputs, closed.Resources[0].Inputs)
	require.Equal(t, g.Outputs, closed.Outputs)
	require.NotEqual(t, closed.Resources[0].Inputs, read.Resources[0].Inputs, "the graph that was read stays as it is")
}
