package plan

import (
	"context"
	"fmt"
	"net"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// messageLimit is the CLI's limit: user data and API documents exceed gRPC's default of 4 MiB.
const messageLimit = 400 << 20

// serve starts the two services that a program calls, on a free loopback port.
func serve(m *monitor) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listening for the program: %w", err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(messageLimit), grpc.MaxSendMsgSize(messageLimit))
	pulumirpc.RegisterResourceMonitorServer(server, m)
	pulumirpc.RegisterEngineServer(server, &engine{monitor: m})
	go server.Serve(listener) //nolint:errcheck // it returns when the server stops
	return listener.Addr().String(), func() {
		server.Stop()
		m.callbacks.close()
	}, nil
}

// engine receives the program's log messages.
type engine struct {
	pulumirpc.UnimplementedEngineServer

	monitor *monitor
	root    string // guarded by monitor.mu
}

// Log keeps warnings and errors; a program that logs an error has failed, even if its exit status is 0.
func (e *engine) Log(_ context.Context, in *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.monitor.mu.Lock()
	defer e.monitor.mu.Unlock()
	switch in.GetSeverity() {
	case pulumirpc.LogSeverity_WARNING:
		e.monitor.warnings = append(e.monitor.warnings, in.GetMessage())
	case pulumirpc.LogSeverity_ERROR:
		e.monitor.logged = append(e.monitor.logged, in.GetMessage())
	}
	return &emptypb.Empty{}, nil
}

func (e *engine) GetRootResource(context.Context, *pulumirpc.GetRootResourceRequest) (*pulumirpc.GetRootResourceResponse, error) {
	e.monitor.mu.Lock()
	defer e.monitor.mu.Unlock()
	return &pulumirpc.GetRootResourceResponse{Urn: e.root}, nil
}

func (e *engine) SetRootResource(_ context.Context, in *pulumirpc.SetRootResourceRequest) (*pulumirpc.SetRootResourceResponse, error) {
	e.monitor.mu.Lock()
	defer e.monitor.mu.Unlock()
	e.root = in.GetUrn()
	return &pulumirpc.SetRootResourceResponse{}, nil
}

// RequirePulumiVersion accepts every range: there is no CLI whose version could be wrong.
func (e *engine) RequirePulumiVersion(
	context.Context, *pulumirpc.RequirePulumiVersionRequest,
) (*pulumirpc.RequirePulumiVersionResponse, error) {
	return &pulumirpc.RequirePulumiVersionResponse{}, nil
}
