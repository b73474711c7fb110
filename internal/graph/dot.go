package graph

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteDOT writes the graph for Graphviz: a box for each tier, a node for each resource, an arrow to what it depends on.
func (g *Graph) WriteDOT(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR; node [shape=box, fontname=\"sans-serif\"];\n", strconv.Quote(g.Project+" "+g.Stack))
	for i, tier := range g.Tiers() {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s;\n", i, strconv.Quote(tier.Name))
		for _, r := range append([]Resource{tier}, g.Under(tier.Key())...) {
			fmt.Fprintf(&b, "    %s [label=%s];\n", strconv.Quote(r.Key()), strconv.Quote(Short(r.Type)+"\n"+r.Name))
		}
		b.WriteString("  }\n")
	}
	for _, r := range g.Resources {
		for _, on := range r.DependsOn {
			fmt.Fprintf(&b, "  %s -> %s;\n", strconv.Quote(r.Key()), strconv.Quote(on))
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}
