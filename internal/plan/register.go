package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan/shape"
)

// RegisterResource records a resource and returns the outputs that it would have.
func (m *monitor) RegisterResource(
	ctx context.Context, req *pulumirpc.RegisterResourceRequest,
) (*pulumirpc.RegisterResourceResponse, error) {
	inputs, err := plugin.UnmarshalProperties(req.GetObject(), in)
	if err != nil {
		return nil, fmt.Errorf("reading the inputs of %s %s: %w", req.GetType(), req.GetName(), err)
	}
	r := &registration{
		typ: req.GetType(), name: req.GetName(), parent: req.GetParent(), custom: req.GetCustom(), remote: req.GetRemote(),
		inputs: inputs, options: optionsOf(req), dependencies: map[string][]string{},
	}
	for property, dependencies := range req.GetPropertyDependencies() {
		r.dependencies[property] = dependencies.GetUrns()
	}
	urn, s, err := m.register(ctx, r, req.GetTransforms())
	if err != nil {
		return nil, err
	}
	answer, err := marshal(known(s.outputs))
	if err != nil {
		return nil, fmt.Errorf("encoding the outputs of %s %s: %w", r.typ, r.name, err)
	}
	return &pulumirpc.RegisterResourceResponse{Urn: urn, Id: s.id, Object: answer}, nil
}

// known drops outputs that are or contain unknown values, like the engine: the Go SDK does not accept partly known values, and in
// a preview it treats an absent output as unknown.
func known(outputs resource.PropertyMap) resource.PropertyMap {
	result := resource.PropertyMap{}
	for key, value := range outputs {
		if !value.ContainsUnknowns() {
			result[key] = value
		}
	}
	return result
}

// register runs the transforms that apply, records the result and makes up its outputs.
func (m *monitor) register(ctx context.Context, r *registration, own []*pulumirpc.Callback) (string, state, error) {
	urn := m.urn(r.parent, r.typ, r.name)
	m.mu.Lock()
	m.transforms[urn], m.parents[urn] = own, r.parent
	m.mu.Unlock()
	if err := m.transform(ctx, urn, r); err != nil {
		return "", state{}, err
	}
	if r.typ == string(resource.RootStackType) {
		return urn, state{}, nil
	}
	m.mu.Lock()
	key := r.typ + "::" + r.name
	_, duplicate := m.registered[key]
	m.registered[key] = r
	m.mu.Unlock()
	if duplicate {
		return "", state{}, fmt.Errorf("%s is registered twice: a type and name must be unique in the stack", key)
	}
	s, err := m.shape(ctx, urn, r)
	if err != nil {
		return "", state{}, err
	}
	m.mu.Lock()
	m.states[urn], r.state = s, s
	m.mu.Unlock()
	return urn, s, nil
}

// shape returns the id and outputs of a resource. A local component has only the outputs that it registers itself.
func (m *monitor) shape(ctx context.Context, urn string, r *registration) (state, error) {
	switch {
	case r.remote:
		return m.shapeRemote(ctx, urn, r)
	case !r.custom:
		return state{outputs: resource.PropertyMap{}}, nil
	case m.unknown:
		return state{outputs: r.inputs}, nil
	}
	id, outputs := shape.Outputs(m.env, r.typ, r.name, r.inputs)
	for _, name := range r.options.GetAdditionalSecretOutputs() {
		if value, ok := outputs[resource.PropertyKey(name)]; ok && !value.IsSecret() {
			outputs[resource.PropertyKey(name)] = resource.MakeSecret(value)
		}
	}
	return state{id: id, outputs: outputs}, nil
}

// shapeRemote registers the children that the plugin of a remote component would register: the program's transforms apply to
// them, and the component's outputs refer to them.
func (m *monitor) shapeRemote(ctx context.Context, urn string, r *registration) (state, error) {
	children, outputs := shape.Remote(m.env, r.typ, r.name, r.inputs)
	if outputs == nil {
		return state{}, fmt.Errorf("no stand-in for the remote component %s: add one to internal/plan/shape/remote.go", r.typ)
	}
	if m.unknown {
		outputs = resource.PropertyMap{}
	}
	for _, child := range children {
		childURN, s, err := m.register(ctx, &registration{
			typ: child.Type, name: child.Name, parent: urn, custom: true, inputs: child.Inputs,
			options: &pulumirpc.TransformResourceOptions{}, dependencies: passedOn(r.dependencies, child.Inputs),
		}, nil)
		if err != nil {
			return state{}, err
		}
		if child.Output != "" {
			outputs[resource.PropertyKey(child.Output)] = resource.MakeCustomResourceReference(
				resource.URN(childURN), resource.ID(s.id), "")
		}
	}
	return state{outputs: outputs}, nil
}

// passedOn returns the dependencies of the inputs that a remote component passes to a child under the same name.
func passedOn(dependencies map[string][]string, inputs resource.PropertyMap) map[string][]string {
	passed := map[string][]string{}
	for property, urns := range dependencies {
		if _, ok := inputs[resource.PropertyKey(property)]; ok {
			passed[property] = urns
		}
	}
	return passed
}

// RegisterResourceOutputs records a component's outputs; the stack's are the graph's outputs.
func (m *monitor) RegisterResourceOutputs(
	_ context.Context, req *pulumirpc.RegisterResourceOutputsRequest,
) (*emptypb.Empty, error) {
	outputs, err := plugin.UnmarshalProperties(req.GetOutputs(), in)
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of %s: %w", req.GetUrn(), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := shape.Key(req.GetUrn())
	if key == "" {
		m.outputs = outputs
		return &emptypb.Empty{}, nil
	}
	r, ok := m.registered[key]
	if !ok {
		return nil, fmt.Errorf("outputs for %s, which is not registered", key)
	}
	r.outputs = outputs
	return &emptypb.Empty{}, nil
}

// graph returns the recorded resources, sorted.
func (m *monitor) graph() *Graph {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := &Graph{
		Project: m.env.Project, Stack: m.env.Stack, Resources: []Resource{}, Warnings: slices.Clone(m.warnings),
		Outputs: shape.JSON(m.outputs, shape.HideSecrets), RevealedOutputs: shape.JSON(m.outputs, shape.RevealSecrets),
		Lookups: map[string]any{},
	}
	for function, calls := range m.lookups {
		var list []any
		for _, text := range slices.Sorted(maps.Keys(calls)) {
			list = append(list, calls[text])
		}
		g.Lookups[function] = list
	}
	names := names{}
	for _, key := range slices.Sorted(maps.Keys(m.registered)) {
		g.Resources = append(g.Resources, m.registered[key].resource(names))
	}
	slices.SortFunc(g.Resources, graph.Compare)
	return g
}

func (r *registration) resource(names names) Resource {
	o := r.options
	res := Resource{
		Type: r.typ, Name: r.name, Parent: names.key(r.parent), Custom: r.custom, Remote: r.remote,
		Inputs: shape.JSON(r.inputs, shape.HideSecrets), RevealedInputs: shape.JSON(r.inputs, shape.RevealSecrets),
		Protect: o.GetProtect(), RetainOnDelete: o.GetRetainOnDelete(), DeleteBeforeReplace: o.GetDeleteBeforeReplace(),
		IgnoreChanges: sorted(o.GetIgnoreChanges()), ReplaceOnChanges: sorted(o.GetReplaceOnChanges()),
		ImportID: o.GetImport(), DependsOn: names.keys(o.GetDependsOn()), PropertyDependencies: map[string][]string{},
		ID: r.state.id, State: shape.JSON(r.state.outputs, shape.HideSecrets),
	}
	if r.outputs != nil {
		res.Outputs = shape.JSON(r.outputs, shape.HideSecrets)
	}
	for property, urns := range r.dependencies {
		if list := names.keys(urns); len(list) > 0 {
			res.PropertyDependencies[property] = list
		}
	}
	return res
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// names caches the type::name of URNs: a graph contains each URN many times, and parsing one is slow.
type names map[string]string

func (n names) key(urn string) string {
	key, ok := n[urn]
	if !ok {
		key = shape.Key(urn)
		n[urn] = key
	}
	return key
}

// keys turns URNs into sorted type::name.
func (n names) keys(urns []string) []string {
	list := make([]string, 0, len(urns))
	for _, urn := range urns {
		if key := n.key(urn); key != "" {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
