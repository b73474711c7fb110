package fargate

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Args are the inputs of the tier.
type Args struct {
	Stack stack.Info

	SubnetIDs                 pulumi.StringArrayInput
	SecurityGroupID           pulumi.StringInput
	FileSystemSecurityGroupID pulumi.StringInput // only with PersistentStorage
	ZoneCount                 int                // how many of SubnetIDs get a mount target

	CPU, Memory                      int // CPU units and MiB
	MinTasks, DesiredTasks, MaxTasks int
	SpotWeight                       int // of FARGATE_SPOT against FARGATE 1; 0 is no Spot
	OnDemandBase                     int // tasks that are never on Spot
	BacklogPerTask                   int // queued and leased jobs per agent
	EphemeralStorage                 int // GiB
	PersistentStorage                bool
	RetainHours                      int

	Image, RepositoryARN pulumi.StringInput // Image by digest
	Architecture         string             // "arm64" or "x86_64"

	APIURL     pulumi.StringInput
	MethodARNs pulumi.StringArrayInput // the API's methods that an agent calls
	BucketName pulumi.StringInput      // where presigned URLs lead; no other host is downloaded from

	DataKeyARN, LogsKeyARN, AlarmTopicARN pulumi.StringInput

	MetricsNamespace            string
	BacklogMetric, AgentsMetric string // the backend's metrics, by stack
	LogRetentionDays            int
	ContainerInsights           bool
}

type namedInput struct {
	name  string
	value pulumi.Input
}

func (a *Args) inputs() []namedInput {
	inputs := []namedInput{
		{"SubnetIDs", a.SubnetIDs}, {"SecurityGroupID", a.SecurityGroupID}, {"Image", a.Image},
		{"RepositoryARN", a.RepositoryARN}, {"APIURL", a.APIURL}, {"MethodARNs", a.MethodARNs},
		{"BucketName", a.BucketName}, {"DataKeyARN", a.DataKeyARN}, {"LogsKeyARN", a.LogsKeyARN},
		{"AlarmTopicARN", a.AlarmTopicARN},
	}
	if a.PersistentStorage {
		inputs = append(inputs, namedInput{"FileSystemSecurityGroupID", a.FileSystemSecurityGroupID})
	}
	return inputs
}

// The bounds of a task's local disk, in GiB. Without the setting it has 20.
const (
	minEphemeralStorage = 21
	maxEphemeralStorage = 200
)

func (a *Args) validate() error {
	if a == nil {
		return errors.New("fargate.Args: want a value, got nil")
	}
	var problems []error
	bad := func(format string, values ...any) {
		problems = append(problems, fmt.Errorf("fargate.Args."+format, values...))
	}
	if err := ValidateSize(a.CPU, a.Memory); err != nil {
		bad("CPU, Memory: %w", err)
	}
	if a.MinTasks < 1 || a.DesiredTasks < a.MinTasks || a.MaxTasks < a.DesiredTasks {
		bad("MinTasks: want 1 <= min <= desired <= max, got %d, %d, %d", a.MinTasks, a.DesiredTasks, a.MaxTasks)
	}
	if a.SpotWeight < 0 || a.SpotWeight > 1000 {
		bad("SpotWeight: want 0..1000, got %d", a.SpotWeight)
	}
	if a.OnDemandBase < 0 || a.OnDemandBase > a.MaxTasks {
		bad("OnDemandBase: want 0..%d, got %d", a.MaxTasks, a.OnDemandBase)
	}
	if a.BacklogPerTask < 1 {
		bad("BacklogPerTask: want at least 1, got %d", a.BacklogPerTask)
	}
	if a.EphemeralStorage < minEphemeralStorage || a.EphemeralStorage > maxEphemeralStorage {
		bad("EphemeralStorage: want %d..%d GiB, got %d", minEphemeralStorage, maxEphemeralStorage, a.EphemeralStorage)
	}
	if a.RetainHours < 1 {
		bad("RetainHours: want at least 1, got %d", a.RetainHours)
	}
	if a.PersistentStorage && a.ZoneCount < 1 {
		bad("ZoneCount: persistent storage wants at least 1, got %d", a.ZoneCount)
	}
	if _, ok := cpuArchitectures[a.Architecture]; !ok {
		bad("Architecture: want arm64 or x86_64, got %q", a.Architecture)
	}
	if a.MetricsNamespace == "" || a.BacklogMetric == "" || a.AgentsMetric == "" {
		bad("MetricsNamespace, BacklogMetric, AgentsMetric: want all, got %q, %q, %q",
			a.MetricsNamespace, a.BacklogMetric, a.AgentsMetric)
	}
	for _, input := range a.inputs() {
		if input.value == nil {
			bad("%s: want a value, got nil", input.name)
		}
	}
	return errors.Join(problems...)
}
