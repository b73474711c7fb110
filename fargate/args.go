package fargate

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info

	// SubnetIDs hold the tasks, and the mount targets of their file system.
	SubnetIDs pulumi.StringArrayInput
	// SecurityGroupID is the group of the tasks.
	SecurityGroupID pulumi.StringInput
	// FileSystemSecurityGroupID is the group of the mount targets; needed with PersistentStorage.
	FileSystemSecurityGroupID pulumi.StringInput
	// ZoneCount is how many of SubnetIDs, from the first, get a mount target; at least 1 with PersistentStorage, without meaning
	// otherwise.
	ZoneCount int

	// CPU are the CPU units of a task, of which 1024 are one virtual CPU, and Memory its MiB; ValidateSize says which pairs are
	// accepted.
	CPU, Memory int
	// MinTasks, DesiredTasks and MaxTasks are numbers of tasks: 0 <= min <= desired <= max, and max is at least 1. DesiredTasks counts
	// when the service is created; afterwards scaling decides. With MinTasks 0 the first task starts when jobs wait.
	MinTasks, DesiredTasks, MaxTasks int
	// SpotWeight is how many tasks run on FARGATE_SPOT for each one on FARGATE, 0 to 1000; 0 for no Spot.
	SpotWeight int
	// OnDemandBase is how many tasks, from the first, are never on Spot; 0 to MaxTasks.
	OnDemandBase int
	// BacklogPerTask is the number of queued and leased jobs per agent that scaling aims at; at least 1.
	BacklogPerTask int
	// ServiceMetrics tells that the backend reports BacklogMetric and AgentsMetric. Without them scaling keeps CPUTarget, the average
	// use of the processor in percent, 10 to 90, and MinTasks is at least 1: no task uses a processor that is not there.
	ServiceMetrics bool
	CPUTarget      int
	// EphemeralStorage is a task's local disk in GiB, 21 to 200.
	EphemeralStorage int
	// PersistentStorage keeps the agents' files on a file system, so that a task that replaces another finds its partial files.
	PersistentStorage bool
	// RetainHours is how long an agent keeps a downloaded file, at most, in hours; at least 1.
	RetainHours int

	// Image is the agent's image, by digest: host/repository@sha256:….
	Image pulumi.StringInput
	// RepositoryARN is the ECR repository that Image is in.
	RepositoryARN pulumi.StringInput
	// Architecture is the tasks' processor architecture, "arm64" or "x86_64".
	Architecture string

	// APIURL is the URL of the REST API's stage.
	APIURL pulumi.StringInput
	// MethodARNs are the API's methods that an agent may call; at least one.
	MethodARNs pulumi.StringArrayInput
	// BucketName is the bucket of the files. An agent downloads from no other host.
	BucketName pulumi.StringInput

	// DataKeyARN is the KMS key that encrypts the file system.
	DataKeyARN pulumi.StringInput
	// LogsKeyARN is the KMS key that encrypts the log groups.
	LogsKeyARN pulumi.StringInput
	// AlarmTopicARN is notified of alarms.
	AlarmTopicARN pulumi.StringInput

	// Program is what the container runs, and how.
	Program Program
	// MetricsNamespace is the CloudWatch namespace of the backend's metrics, BacklogMetric the one that counts queued and leased
	// jobs, AgentsMetric the one that counts agents.
	MetricsNamespace, BacklogMetric, AgentsMetric string
	// LogRetentionDays is how long logs are kept; at least 1.
	LogRetentionDays int
	// ContainerInsights turns on Container Insights in the cluster: metrics of each task.
	ContainerInsights bool
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
	check := component.NewCheck("fargate.Args")
	check.Inputs(*a, component.NeededWhen{"FileSystemSecurityGroupID": a.PersistentStorage})
	check.NoError("CPU, Memory", ValidateSize(a.CPU, a.Memory))
	check.That(0 <= a.MinTasks && a.MinTasks <= a.DesiredTasks && a.DesiredTasks <= a.MaxTasks && a.MaxTasks >= 1,
		"MinTasks, DesiredTasks, MaxTasks", "0 <= min <= desired <= max, and max of at least 1", []int{a.MinTasks, a.DesiredTasks, a.MaxTasks})
	check.That(a.ServiceMetrics || a.MinTasks != 0, "MinTasks", "at least 1 without ServiceMetrics", a.MinTasks)
	check.Between("CPUTarget", 10, 90, a.CPUTarget)
	check.Between("SpotWeight", 0, 1000, a.SpotWeight)
	check.Between("OnDemandBase", 0, a.MaxTasks, a.OnDemandBase)
	check.AtLeast("BacklogPerTask", 1, a.BacklogPerTask)
	check.Between("EphemeralStorage", minEphemeralStorage, maxEphemeralStorage, a.EphemeralStorage)
	check.AtLeast("RetainHours", 1, a.RetainHours)
	if a.PersistentStorage {
		check.AtLeast("ZoneCount", 1, a.ZoneCount)
	}
	_, known := cpuArchitectures[a.Architecture]
	check.That(known, "Architecture", "arm64 or x86_64", a.Architecture)
	a.Program.validate(check)
	check.Named("MetricsNamespace", a.MetricsNamespace)
	check.Named("BacklogMetric", a.BacklogMetric)
	check.Named("AgentsMetric", a.AgentsMetric)
	check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	return check.Err()
}
