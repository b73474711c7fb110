package plan

import (
	"context"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// stackTransforms is the key of the transforms that apply to every resource.
const stackTransforms = ""

// RegisterStackTransform adds a transform for every resource.
func (m *monitor) RegisterStackTransform(_ context.Context, callback *pulumirpc.Callback) (*emptypb.Empty, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.transforms[stackTransforms] = append(m.transforms[stackTransforms], callback)
	return &emptypb.Empty{}, nil
}

// optionsOf returns the options of a request in the form for transforms.
func optionsOf(req *pulumirpc.RegisterResourceRequest) *pulumirpc.TransformResourceOptions {
	o := &pulumirpc.TransformResourceOptions{
		DependsOn: req.GetDependencies(), Protect: req.Protect, IgnoreChanges: req.GetIgnoreChanges(),
		ReplaceOnChanges: req.GetReplaceOnChanges(), Version: req.GetVersion(), Aliases: req.GetAliases(),
		Provider: req.GetProvider(), Providers: req.GetProviders(), CustomTimeouts: req.GetCustomTimeouts(),
		PluginDownloadUrl: req.GetPluginDownloadURL(), RetainOnDelete: req.RetainOnDelete, DeletedWith: req.GetDeletedWith(),
		AdditionalSecretOutputs: req.GetAdditionalSecretOutputs(), Import: req.GetImportId(), HideDiff: req.GetHideDiffs(),
		ReplaceWith: req.GetReplaceWith(),
	}
	if req.GetDeleteBeforeReplaceDefined() {
		o.DeleteBeforeReplace = &req.DeleteBeforeReplace
	}
	return o
}

// transform runs transforms in the engine's order: the resource's own, its ancestors' from the nearest on, the stack's.
func (m *monitor) transform(ctx context.Context, urn string, r *registration) error {
	m.mu.Lock()
	var list []*pulumirpc.Callback
	for at := urn; at != ""; at = m.parents[at] {
		list = append(list, m.transforms[at]...)
	}
	list = append(list, m.transforms[stackTransforms]...)
	m.mu.Unlock()
	for _, callback := range list {
		if err := m.transformOnce(ctx, r, callback); err != nil {
			return fmt.Errorf("transforming %s %s: %w", r.typ, r.name, err)
		}
	}
	return nil
}

func (m *monitor) transformOnce(ctx context.Context, r *registration, callback *pulumirpc.Callback) error {
	properties, err := marshal(r.inputs)
	if err != nil {
		return err
	}
	request, err := proto.Marshal(&pulumirpc.TransformRequest{
		Type: r.typ, Name: r.name, Custom: r.custom, Parent: r.parent, Properties: properties, Options: r.options,
	})
	if err != nil {
		return err
	}
	client, err := m.callbacks.client(callback.GetTarget())
	if err != nil {
		return err
	}
	answer, err := client.Invoke(ctx, &pulumirpc.CallbackInvokeRequest{Token: callback.GetToken(), Request: request})
	if err != nil {
		return err
	}
	var response pulumirpc.TransformResponse
	if err := proto.Unmarshal(answer.GetResponse(), &response); err != nil {
		return err
	}
	// A transform that changes nothing returns neither options nor properties.
	if response.Options != nil {
		r.options = response.Options
	}
	if response.Properties != nil {
		r.inputs, err = plugin.UnmarshalProperties(response.Properties, in)
	}
	return err
}

// callbacks keeps one connection for each of the program's callback servers.
type callbacks struct {
	mu          sync.Mutex
	connections map[string]*grpc.ClientConn
}

func (c *callbacks) client(target string) (pulumirpc.CallbacksClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connection, ok := c.connections[target]
	if !ok {
		var err error
		connection, err = grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit), grpc.MaxCallSendMsgSize(messageLimit)))
		if err != nil {
			return nil, fmt.Errorf("connecting to the program's callbacks: %w", err)
		}
		if c.connections == nil {
			c.connections = map[string]*grpc.ClientConn{}
		}
		c.connections[target] = connection
	}
	return pulumirpc.NewCallbacksClient(connection), nil
}

func (c *callbacks) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, connection := range c.connections {
		connection.Close() //nolint:errcheck // the program has ended
	}
}
