package infratest

import (
	"path/filepath"

	"scalable-backend/internal/plan"
)

// StackFile returns the path of a shipped stack file; root is the module's directory. Tests do not use the files in the root,
// because they belong to the owner, who may change them.
func StackFile(root, stack string) string {
	return filepath.Join(root, "testdata", "Pulumi."+stack+".yaml")
}

// FromPlan converts a planned graph to one with this package's assertions. A component's outputs have the keys under which it
// registers them.
func FromPlan(g *plan.Graph) *Graph {
	graph := &Graph{outputs: map[string]map[string]any{}}
	for _, r := range g.Resources {
		graph.Resources = append(graph.Resources, Resource{
			Type: r.Type, Name: r.Name, Parent: r.Parent, Custom: r.Custom, Remote: r.Remote,
			Protect: r.Protect, RetainOnDelete: r.RetainOnDelete, DeleteBeforeReplace: r.DeleteBeforeReplace,
			IgnoreChanges: r.IgnoreChanges, ReplaceOnChanges: r.ReplaceOnChanges, DependsOn: r.DependsOn,
			Inputs: r.Inputs, revealed: r.RevealedInputs,
		})
		if r.Outputs != nil {
			graph.outputs[r.Key()] = r.Outputs
		}
	}
	return graph
}
