package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"scalable-backend/internal/plan/shape"
)

// monitor handles registrations. The program registers concurrently, so mu guards all fields below it.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer

	env       shape.Env
	unknown   bool
	callbacks *callbacks

	mu         sync.Mutex
	registered map[string]*registration // by type::name
	states     map[string]state         // by URN
	transforms map[string][]*pulumirpc.Callback
	parents    map[string]string // URN to the parent's URN
	outputs    resource.PropertyMap
	lookups    map[string]map[string]any // function to arguments, by their JSON
	warnings   []string
	logged     []string
}

// state is what a reference to a resource resolves to: its id and outputs.
type state struct {
	id      string
	outputs resource.PropertyMap
}

// registration is one resource as the program or a remote component registers it.
type registration struct {
	typ, name, parent string // parent is a URN
	custom, remote    bool
	inputs            resource.PropertyMap
	options           *pulumirpc.TransformResourceOptions
	dependencies      map[string][]string  // property to URNs
	outputs           resource.PropertyMap // the registered outputs of a component
	state             state
}

func newMonitor(env shape.Env, unknown bool) *monitor {
	return &monitor{
		env: env, unknown: unknown, callbacks: &callbacks{},
		registered: map[string]*registration{}, states: map[string]state{},
		transforms: map[string][]*pulumirpc.Callback{}, parents: map[string]string{}, lookups: map[string]map[string]any{},
	}
}

// in unmarshals properties and keeps unknown values, secrets and references.
var in = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}

func marshal(properties resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(properties, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true})
}

// features lists the engine's features that this monitor supports. Without a feature the SDK uses another way or returns an error.
var features = map[string]pulumirpc.ResourceMonitorFeature{
	"secrets":            pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_SECRETS,
	"resourceReferences": pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
	"outputValues":       pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
	"aliasSpecs":         pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
	"deletedWith":        pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_DELETED_WITH,
	"replaceWith":        pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
	"transforms":         pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_TRANSFORMS,
	"parameterization":   pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
	"resourceHooks":      pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
	"errorHooks":         pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
}

func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{
		Project: m.env.Project, Stack: m.env.Stack, SupportedFeatures: slices.Sorted(maps.Values(features)),
	}, nil
}

func (m *monitor) SupportsFeature(
	_ context.Context, req *pulumirpc.SupportsFeatureRequest,
) (*pulumirpc.SupportsFeatureResponse, error) {
	_, ok := features[req.GetId()]
	return &pulumirpc.SupportsFeatureResponse{HasSupport: ok}, nil
}

// RegisterPackage returns the provider's name as its reference: nothing else of a parameterized provider is needed here.
func (m *monitor) RegisterPackage(
	_ context.Context, req *pulumirpc.RegisterPackageRequest,
) (*pulumirpc.RegisterPackageResponse, error) {
	return &pulumirpc.RegisterPackageResponse{Ref: req.GetName()}, nil
}

// Hooks run when a resource is created, updated or deleted, which never happens in a plan.

func (m *monitor) RegisterResourceHook(context.Context, *pulumirpc.RegisterResourceHookRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (m *monitor) RegisterErrorHook(context.Context, *pulumirpc.RegisterErrorHookRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (m *monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Call refuses to run a method of a resource, because there is no provider.
func (m *monitor) Call(_ context.Context, req *pulumirpc.ResourceCallRequest) (*pulumirpc.CallResponse, error) {
	return nil, status.Errorf(codes.Unimplemented, "a plan cannot run the method %s", req.GetTok())
}

// Invoke returns the result of a provider function, or the state of a resource to which the program has a reference.
func (m *monitor) Invoke(_ context.Context, req *pulumirpc.ResourceInvokeRequest) (*pulumirpc.ResourceInvokeResponse, error) {
	args, err := plugin.UnmarshalProperties(req.GetArgs(), in)
	if err != nil {
		return nil, fmt.Errorf("reading the arguments of %s: %w", req.GetTok(), err)
	}
	var result resource.PropertyMap
	if req.GetTok() == "pulumi:pulumi:getResource" {
		result, err = m.getResource(args["urn"].StringValue())
	} else {
		m.remember(req.GetTok(), args)
		result, err = shape.Invoke(m.env, req.GetTok(), args)
	}
	if err != nil {
		return nil, err
	}
	answer, err := marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer of %s: %w", req.GetTok(), err)
	}
	return &pulumirpc.ResourceInvokeResponse{Return: answer}, nil
}

// remember records the call of a provider function. Its arguments, such as the filters of a machine image, are a part of the
// program like inputs.
func (m *monitor) remember(function string, args resource.PropertyMap) {
	arguments := shape.JSON(args, shape.HideSecrets)
	text, _ := json.Marshal(arguments) // JSON types cannot fail
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lookups[function] == nil {
		m.lookups[function] = map[string]any{}
	}
	m.lookups[function][string(text)] = arguments
}

func (m *monitor) getResource(urn string) (resource.PropertyMap, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.states[urn]
	if !ok {
		return nil, fmt.Errorf("no resource %s is registered", urn)
	}
	return resource.PropertyMap{
		"urn": resource.NewProperty(urn), "id": resource.NewProperty(s.id), "state": resource.NewProperty(s.outputs),
	}, nil
}

// ReadResource looks up a resource that exists outside the stack. It is not part of the graph: the stack does not own it.
func (m *monitor) ReadResource(_ context.Context, req *pulumirpc.ReadResourceRequest) (*pulumirpc.ReadResourceResponse, error) {
	inputs, err := plugin.UnmarshalProperties(req.GetProperties(), in)
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", req.GetType(), req.GetName(), err)
	}
	_, outputs := shape.Outputs(m.env, req.GetType(), req.GetName(), inputs)
	properties, err := marshal(outputs)
	if err != nil {
		return nil, fmt.Errorf("encoding %s %s: %w", req.GetType(), req.GetName(), err)
	}
	return &pulumirpc.ReadResourceResponse{Urn: m.urn(req.GetParent(), req.GetType(), req.GetName()), Properties: properties}, nil
}

// urn returns a resource's URN like the engine: it contains the types of its ancestors.
func (m *monitor) urn(parent, typ, name string) string {
	var parentType tokens.Type
	if p := resource.URN(parent); parent != "" && p.QualifiedType() != resource.RootStackType {
		parentType = p.QualifiedType()
	}
	return string(resource.NewURN(
		tokens.QName(m.env.Stack), tokens.PackageName(m.env.Project), parentType, tokens.Type(typ), name))
}

func (m *monitor) errors() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.logged)
}
