package rules

import (
	"slices"

	"scalable-backend/internal/graph"
)

// World is a graph with indexes for the rules.
type World struct {
	Production bool
	Graph      *graph.Graph
	byType     map[string][]graph.Resource
}

// NewWorld indexes a graph. Production says whether rules that are only for production apply.
func NewWorld(g *graph.Graph, production bool) *World {
	w := &World{Production: production, Graph: g, byType: map[string][]graph.Resource{}}
	for _, r := range g.Resources {
		w.byType[r.Type] = append(w.byType[r.Type], r)
	}
	return w
}

// Type returns the resources of a type, by name.
func (w *World) Type(token string) []graph.Resource { return w.byType[token] }

// To returns the resources of a type that an input of r refers to. It uses the graph's dependencies, because values are made up
// or unknown.
func (w *World) To(r graph.Resource, property, token string) []graph.Resource {
	var found []graph.Resource
	for _, candidate := range w.byType[token] {
		if slices.Contains(r.PropertyDependencies[property], candidate.Key()) {
			found = append(found, candidate)
		}
	}
	return found
}

// From returns the resources of a type whose input refers to target.
func (w *World) From(token, property string, target graph.Resource) []graph.Resource {
	var found []graph.Resource
	for _, candidate := range w.byType[token] {
		if slices.Contains(candidate.PropertyDependencies[property], target.Key()) {
			found = append(found, candidate)
		}
	}
	return found
}

// zones counts the availability zones of the subnets that an input of r refers to.
func (w *World) zones(r graph.Resource, property string) int {
	zones := map[string]bool{}
	for _, s := range w.To(r, property, subnet) {
		zones[text(s, "availabilityZone")] = true
	}
	delete(zones, "")
	return len(zones)
}

// routeTable returns the table that a subnet is associated with.
func (w *World) routeTable(s graph.Resource) (graph.Resource, bool) {
	for _, a := range w.From(routeTableAssociation, "subnetId", s) {
		for _, t := range w.To(a, "routeTableId", routeTable) {
			return t, true
		}
	}
	return graph.Resource{}, false
}

// routes returns the routes of a table.
func (w *World) routes(table graph.Resource) []graph.Resource {
	return w.From(route, "routeTableId", table)
}

// attached returns the policies attached to a role: the program's own policies, and the ARNs of managed ones.
func (w *World) attached(role graph.Resource) (own []graph.Resource, managed []string) {
	for _, a := range w.From(rolePolicyAttachment, "role", role) {
		if policies := w.To(a, "policyArn", iamPolicy); len(policies) > 0 {
			own = append(own, policies...)
		} else {
			managed = append(managed, text(a, "policyArn"))
		}
	}
	return own, managed
}

// reachesTopic tells whether an input refers to a topic of the graph, directly or through the topic's policy.
func (w *World) reachesTopic(r graph.Resource, property string) bool {
	return len(w.To(r, property, topic))+len(w.To(r, property, topicPolicy)) > 0
}
