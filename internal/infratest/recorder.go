package infratest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"google.golang.org/protobuf/types/known/emptypb"

	"scalable-backend/internal/plan/shape"
)

// recorder implements Pulumi's mocks. Resources register concurrently, so mu guards all fields below it.
type recorder struct {
	env shape.Env
	ctx *pulumi.Context

	mu       sync.Mutex
	graph    *Graph
	problems []string
	seen     map[string]bool            // type::name of the registered resources
	objects  map[string]pulumi.Resource // the program's own objects, by type::name
	standIns map[string]bool            // children of remote components, by type::name
	outputs  int                        // number of calls that registered outputs
	watched  []watched
}

// watched is an output of a component, and a channel that is closed when the output has its value.
type watched struct {
	name string
	done chan struct{}
}

// remember is a stack transformation that records the program's component objects and changes nothing.
func (r *recorder) remember(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[args.Type+"::"+args.Name] = args.Resource
	return nil
}

// NewResource records a registration and returns made-up outputs.
func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	key := args.TypeToken + "::" + args.Name
	r.mu.Lock()
	standIn := r.standIns[key]
	r.mu.Unlock()
	if !standIn {
		r.record(key, args)
	}
	if args.RegisterRPC.GetRemote() {
		return r.remote(args)
	}
	if args.RegisterRPC != nil && !args.Custom {
		return "", args.Inputs, nil
	}
	id, outputs := shape.Outputs(r.env, args.TypeToken, args.Name, args.Inputs)
	if args.ReadRPC != nil {
		id = args.ID
	}
	for _, name := range args.RegisterRPC.GetAdditionalSecretOutputs() {
		if value, ok := outputs[resource.PropertyKey(name)]; ok && !value.IsSecret() {
			outputs[resource.PropertyKey(name)] = resource.MakeSecret(value)
		}
	}
	return id, outputs, nil
}

func (r *recorder) record(key string, args pulumi.MockResourceArgs) {
	rpc := args.RegisterRPC
	res := Resource{
		Type: args.TypeToken, Name: args.Name, Custom: args.Custom, Remote: rpc.GetRemote(), Read: args.ReadRPC != nil,
		Parent: shape.Key(rpc.GetParent()), Protect: rpc.GetProtect(), RetainOnDelete: rpc.GetRetainOnDelete(),
		DeleteBeforeReplace: rpc.GetDeleteBeforeReplace(), IgnoreChanges: rpc.GetIgnoreChanges(),
		ReplaceOnChanges: rpc.GetReplaceOnChanges(), Transforms: len(rpc.GetTransforms()),
		Inputs: shape.JSON(args.Inputs, shape.HideSecrets), revealed: shape.JSON(args.Inputs, shape.RevealSecrets),
	}
	for _, urn := range rpc.GetDependencies() {
		res.DependsOn = append(res.DependsOn, shape.Key(urn))
	}
	slices.Sort(res.DependsOn)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[key] {
		r.problems = append(r.problems, key+": registered twice")
	}
	r.seen[key] = true
	r.graph.Resources = append(r.graph.Resources, res)
	r.problems = append(r.problems, emptyARNs(key, res.revealed)...)
}

// remote returns the outputs of a remote component. They may refer to its children, so those are registered with the mocks; they
// are not in the graph, because the program did not register them.
func (r *recorder) remote(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	children, outputs := shape.Remote(r.env, args.TypeToken, args.Name, args.Inputs)
	if outputs == nil {
		return "", nil, fmt.Errorf("no stand-in for the remote component %s: add one to internal/plan/shape/remote.go", args.TypeToken)
	}
	for _, child := range children {
		if child.Output == "" {
			continue
		}
		reference, err := r.standIn(child)
		if err != nil {
			return "", nil, err
		}
		outputs[resource.PropertyKey(child.Output)] = reference
	}
	return "", outputs, nil
}

func (r *recorder) standIn(child shape.Child) (resource.PropertyValue, error) {
	r.mu.Lock()
	r.standIns[child.Type+"::"+child.Name] = true
	r.mu.Unlock()
	// pulumi.Any here would make this package six times as large, and each test binary slow to link.
	inputs := pulumi.ToMap(shape.JSON(child.Inputs, shape.RevealSecrets))
	var object pulumi.CustomResourceState
	if err := r.ctx.RegisterResource(child.Type, child.Name, inputs, &object); err != nil {
		return resource.PropertyValue{}, fmt.Errorf("registering stand-in %s %s: %w", child.Type, child.Name, err)
	}
	urn, err := await(pulumi.All(object.URN(), object.ID()).ApplyT(func(v []any) string { return string(v[0].(pulumi.URN)) }))
	if err != nil {
		return resource.PropertyValue{}, err
	}
	id, _ := shape.Outputs(r.env, child.Type, child.Name, child.Inputs)
	return resource.MakeCustomResourceReference(resource.URN(urn.(string)), resource.ID(id), ""), nil
}

// Call returns the result of a provider function.
func (r *recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return shape.Invoke(r.env, args.Token, args.Args)
}

// RegisterResourceOutputs counts the calls, because the mocks do not tell the component. check compares the number.
func (r *recorder) RegisterResourceOutputs() (*emptypb.Empty, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outputs++
	return &emptypb.Empty{}, nil
}

// watchComponents watches the outputs of every component that the program created. It runs inside the program, so that the run
// waits for them.
func (r *recorder) watchComponents() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, object := range r.objects {
		_, custom := object.(pulumi.CustomResource)
		if custom || strings.HasPrefix(key, "awsx:") {
			continue
		}
		r.graph.outputs[key] = map[string]any{}
		r.watch(key, "", reflect.Indirect(reflect.ValueOf(object)))
	}
}

var outputType = reflect.TypeFor[pulumi.Output]()

// watch watches the outputs in a value, by their path from the component. Callers hold mu.
func (r *recorder) watch(key, path string, v reflect.Value) {
	if v.Type().Implements(outputType) {
		if v.IsZero() {
			r.problems = append(r.problems, fmt.Sprintf("%s: output %s is never assigned", key, path))
			return
		}
		done := make(chan struct{})
		r.watched = append(r.watched, watched{key + ": output " + path, done})
		v.Interface().(pulumi.Output).ApplyT(func(value any) any {
			defer close(done)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.graph.outputs[key][path] = value
			return value
		})
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !f.Anonymous {
				r.watch(key, strings.TrimPrefix(path+"."+f.Name, "."), v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.watch(key, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	}
}

// awaitOutputs waits for the watched outputs. Pulumi itself waits only for outputs of resources, not for constants.
func (r *recorder) awaitOutputs() {
	late := time.After(outputTimeout)
	for _, w := range r.watched {
		select {
		case <-w.done:
		case <-late:
			r.problems = append(r.problems, w.name+" did not resolve")
			return
		}
	}
}

// check returns the problems of the whole run.
func (r *recorder) check() []string {
	r.awaitOutputs()
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.graph.Resources, func(a, b Resource) int { return strings.Compare(a.Key(), b.Key()) })
	components := []string{}
	for _, res := range r.graph.Resources {
		if !res.Custom && !res.Remote && !res.Read {
			components = append(components, res.Key())
		}
	}
	// The stack registers its outputs too.
	if r.outputs < len(components)+1 {
		r.problems = append(r.problems, fmt.Sprintf("%d of these components did not register their outputs: %s",
			len(components)+1-r.outputs, strings.Join(components, ", ")))
	}
	slices.Sort(r.problems)
	return r.problems
}

// outputTimeout limits the wait for an output.
const outputTimeout = 10 * time.Second

// await waits for an output. It times out, because an output may never resolve by a mistake in the program.
func await(output pulumi.Output) (any, error) {
	values := make(chan any, 1)
	output.ApplyT(func(v any) any {
		values <- v
		return v
	})
	select {
	case v := <-values:
		return v, nil
	case <-time.After(outputTimeout):
		return nil, errors.New("the output did not resolve in time: its resource failed, or it waits for itself")
	}
}
