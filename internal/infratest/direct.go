package infratest

import (
	"context"
	"reflect"
	"unsafe"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// direct is the client of a program in this process: it passes registrations, which are most calls, to the monitor without
// encoding, sending and decoding them. That takes a third of a plan's time.
type direct struct {
	pulumirpc.ResourceMonitorClient

	monitor pulumirpc.ResourceMonitorServer
}

func (d direct) RegisterResource(
	ctx context.Context, req *pulumirpc.RegisterResourceRequest, _ ...grpc.CallOption,
) (*pulumirpc.RegisterResourceResponse, error) {
	return d.monitor.RegisterResource(ctx, req)
}

// connect makes the SDK use direct. The SDK has this setting for its own tests and does not export it (go/pulumi/run.go). Without
// the setting the program calls the monitor by gRPC, as a program in its own process does.
func connect(run *pulumi.RunInfo, m pulumirpc.ResourceMonitorServer) {
	field := reflect.ValueOf(run).Elem().FieldByName("wrapResourceMonitorClient")
	wrap := func(client pulumirpc.ResourceMonitorClient) pulumirpc.ResourceMonitorClient { return direct{client, m} }
	if field.IsValid() && field.Type() == reflect.TypeOf(wrap) {
		reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(wrap))
	}
}

// stopCallbacks ends the server that the SDK starts for a program's transforms and never stops (go/pulumi/callback.go): it would keep
// the whole program in memory, which with hundreds of plans in one process takes more time than the plans.
func stopCallbacks(p *pulumi.Context) {
	server := callbackServer(p)
	if !server.IsValid() || server.IsNil() {
		return
	}
	stop, _ := unexported(server.Elem().FieldByName("stop")).(chan bool)
	handle, _ := unexported(server.Elem().FieldByName("handle")).(rpcutil.ServeHandle)
	if stop != nil && handle.Done != nil {
		close(stop)
		<-handle.Done //nolint:errcheck // it has nothing to say about the program
	}
}

// callbackServer returns the SDK's pointer to its server, which is nil for a program without transforms.
func callbackServer(p *pulumi.Context) reflect.Value {
	state := reflect.ValueOf(p).Elem().FieldByName("state")
	if !state.IsValid() {
		return reflect.Value{}
	}
	return state.Elem().FieldByName("callbacks")
}

// unexported returns the value of a field that the SDK does not export; nil if there is no such field.
func unexported(field reflect.Value) any {
	if !field.IsValid() {
		return nil
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface()
}
