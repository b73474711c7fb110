package infratest

import (
	"path/filepath"

	"scalable-backend/internal/plan"
)

// StackFile is the file of a stack as the project ships it; root is the module's directory. Pulumi.<stack>.yaml in the root
// itself is its owner's to change, so tests are about these.
func StackFile(root, stack string) string {
	return filepath.Join(root, "testdata", "Pulumi."+stack+".yaml")
}

// FromPlan offers a planned graph to the assertions of this package. Outputs of components are by the key under which they
// are registered.
func FromPlan(g *plan.Graph) *Graph {
	graph := &Graph{outputs: map[string]map[string]any{}}
	for _, r := range g.Resources {
		graph.Resources = append(graph.Resources, Resource{
			Type: r.Type, Name: r.Name, Parent: r.Parent, Custom: r.Custom, Remote: r.Remote,
			Protect: r.Protect, RetainOnDelete: r.RetainOnDelete, DeleteBeforeReplace: r.DeleteBeforeReplace,
			IgnoreChanges: r.IgnoreChanges, ReplaceOnChanges: r.ReplaceOnChanges, DependsOn: r.DependsOn,
			Inputs: r.Inputs, revealed: r.RevealedInputs(),
		})
		if r.Outputs != nil {
			graph.outputs[r.Key()] = r.Outputs
		}
	}
	return graph
}
