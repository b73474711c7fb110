package graph

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadGraphRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "hello", "another object": `{"name":"x"}`, "two values": `{"project":"x"} {}`, "nothing": "",
	} {
		_, err := ReadGraph(strings.NewReader(text))
		require.ErrorContains(t, err, "reading a graph", name)
	}
}
