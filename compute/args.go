package compute

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Args are the inputs of the tier.
type Args struct {
	Stack stack.Info

	VPCID                              pulumi.StringInput
	PublicSubnetIDs, BackendSubnetIDs  pulumi.StringArrayInput
	LoadBalancerSecurityGroupID        pulumi.StringInput
	GatewayLoadBalancerSecurityGroupID pulumi.StringInput
	BackendSecurityGroupID             pulumi.StringInput

	InstanceType                      string
	MinSize, DesiredCapacity, MaxSize int
	Spot                              bool // Spot above an on-demand base of one
	CPUTarget                         int  // percent
	RequestsPerTarget                 int  // per minute and instance, on the public load balancer
	CertificateARN                    string
	AMIID                             string // empty: the newest Amazon Linux 2023 when the group is created
	IgnoreRollbackAlarms              bool   // lets a fix through while an alarm is on
	DeletionProtection                bool
	DetailedMonitoring                bool // metrics of the instances every minute
	Notifications                     bool // of every instance that the group launches or terminates
	StageName                         string
	MetricsNamespace                  string
	LogRetentionDays                  int
	Image, RepositoryARN              pulumi.StringInput // Image by digest
	BucketName, BucketARN, DataKeyARN pulumi.StringInput
	LogBucketName, LogsKeyARN         pulumi.StringInput
	DatabaseSecretARN, AlarmTopicARN  pulumi.StringInput
	AccessLogPrefix                   string // in the log bucket; empty: alb
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("compute.Args: want a value, got nil")
	}
	var problems []error
	bad := func(format string, values ...any) {
		problems = append(problems, fmt.Errorf("compute.Args."+format, values...))
	}
	if _, err := Architecture(a.InstanceType); err != nil {
		bad("InstanceType: %w", err)
	}
	if a.MinSize < 1 || a.DesiredCapacity < a.MinSize || a.MaxSize < a.DesiredCapacity {
		bad("MinSize: want 1 <= min <= desired <= max, got %d, %d, %d", a.MinSize, a.DesiredCapacity, a.MaxSize)
	}
	if a.CPUTarget < 10 || a.CPUTarget > 90 {
		bad("CPUTarget: want 10..90 percent, got %d", a.CPUTarget)
	}
	if a.RequestsPerTarget < 1 {
		bad("RequestsPerTarget: want at least 1, got %d", a.RequestsPerTarget)
	}
	if a.StageName == "" || a.MetricsNamespace == "" {
		bad("StageName, MetricsNamespace: want both, got %q, %q", a.StageName, a.MetricsNamespace)
	}
	for _, input := range []struct {
		name  string
		value pulumi.Input
	}{
		{"VPCID", a.VPCID}, {"PublicSubnetIDs", a.PublicSubnetIDs}, {"BackendSubnetIDs", a.BackendSubnetIDs},
		{"LoadBalancerSecurityGroupID", a.LoadBalancerSecurityGroupID},
		{"GatewayLoadBalancerSecurityGroupID", a.GatewayLoadBalancerSecurityGroupID},
		{"BackendSecurityGroupID", a.BackendSecurityGroupID}, {"Image", a.Image}, {"RepositoryARN", a.RepositoryARN},
		{"BucketName", a.BucketName}, {"BucketARN", a.BucketARN}, {"DataKeyARN", a.DataKeyARN},
		{"LogBucketName", a.LogBucketName}, {"LogsKeyARN", a.LogsKeyARN},
		{"DatabaseSecretARN", a.DatabaseSecretARN}, {"AlarmTopicARN", a.AlarmTopicARN},
	} {
		if input.value == nil {
			bad("%s: want a value, got nil", input.name)
		}
	}
	return errors.Join(problems...)
}
