package compute

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info

	// VPCID is the VPC of the target groups.
	VPCID pulumi.StringInput
	// PublicSubnetIDs hold the public load balancer.
	PublicSubnetIDs pulumi.StringArrayInput
	// BackendSubnetIDs hold the gateway's load balancer and the instances.
	BackendSubnetIDs pulumi.StringArrayInput
	// LoadBalancerSecurityGroupID is the group of the public load balancer.
	LoadBalancerSecurityGroupID pulumi.StringInput
	// GatewayLoadBalancerSecurityGroupID is the group of the gateway's load balancer.
	GatewayLoadBalancerSecurityGroupID pulumi.StringInput
	// BackendSecurityGroupID is the group of the instances.
	BackendSecurityGroupID pulumi.StringInput

	// InstanceType is the EC2 instance type, e.g. "m7g.large". Architecture derives the processor architecture from it.
	InstanceType string
	// CPUCredits is what a burstable type does once its CPU credits are used up: CreditsStandard or CreditsUnlimited; empty: what AWS
	// does with the type. Without meaning for other types.
	CPUCredits string
	// MinSize, DesiredCapacity and MaxSize are numbers of instances: 1 <= min <= desired <= max. DesiredCapacity counts when the
	// group is created; afterwards scaling decides.
	MinSize, DesiredCapacity, MaxSize int
	// Spot runs all instances but one on Spot capacity.
	Spot bool
	// CPUTarget is the average CPU utilisation in percent, 10 to 90, that scaling aims at.
	CPUTarget int
	// RequestsPerTarget is the number of requests per minute and instance on the public load balancer that scaling aims at.
	RequestsPerTarget int
	// DomainName is the name under which users reach the public load balancer, e.g. "backend.example.com"; empty: AWS's name for it.
	DomainName string
	// HostedZoneID is the Route 53 hosted zone in which DomainName gets its record; empty: somebody else makes the record. Needs
	// DomainName.
	HostedZoneID string
	// CertificateARN is the ACM certificate of the public load balancer, which has to cover DomainName; empty: a certificate of the
	// stack's own, validated in the hosted zone, or plain HTTP without one.
	CertificateARN string
	// AMIID is the machine image; empty: a copy of Amazon Linux 2023.
	AMIID string
	// Release is the release of Amazon Linux 2023 that is copied, e.g. "2023.9.20251117"; empty: the newest when the copy is made,
	// and no other afterwards. Without meaning with AMIID.
	Release string
	// IgnoreRollbackAlarms lets an instance refresh go on while an alarm is on, so that a fix can be deployed.
	IgnoreRollbackAlarms bool
	// KeepObjects stops the backends from deleting objects that the catalogue does not name.
	KeepObjects bool
	// DeletionProtection makes AWS refuse to delete the load balancers.
	DeletionProtection bool
	// DetailedMonitoring gives the instances' metrics every minute in place of every five.
	DetailedMonitoring bool
	// Notifications tells AlarmTopicARN of every instance that the group launches or terminates.
	Notifications bool

	// Program is what the container runs, and how.
	Program Program
	// StageName is the stage of the REST API, with which a path may begin that comes through the gateway door.
	StageName string
	// MetricsNamespace is the CloudWatch namespace of the metrics of backend and host.
	MetricsNamespace string
	// LogRetentionDays is how long logs are kept; at least 1.
	LogRetentionDays int
	// Image is the backend's image, by digest: host/repository@sha256:….
	Image pulumi.StringInput
	// RepositoryARN is the ECR repository that Image is in.
	RepositoryARN pulumi.StringInput
	// BucketName and BucketARN are the bucket of the files.
	BucketName, BucketARN pulumi.StringInput
	// DataKeyARN is the KMS key of the bucket and of the secrets.
	DataKeyARN pulumi.StringInput
	// LogBucketName is the bucket that receives the public load balancer's access logs.
	LogBucketName pulumi.StringInput
	// AccessLogPrefix is where load balancers may write in the log bucket.
	AccessLogPrefix string
	// LogsKeyARN is the KMS key that encrypts the log group.
	LogsKeyARN pulumi.StringInput
	// DatabaseSecretARN is the secret with the connection to the database, known when the database can be used.
	DatabaseSecretARN pulumi.StringInput
	// AlarmTopicARN is notified of alarms.
	AlarmTopicARN pulumi.StringInput
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("compute.Args: want a value, got nil")
	}
	check := component.NewCheck("compute.Args")
	check.Inputs(*a, nil)
	_, err := Architecture(a.InstanceType)
	check.NoError("InstanceType", err)
	check.That(slices.Contains([]string{"", CreditsStandard, CreditsUnlimited}, a.CPUCredits), "CPUCredits", "standard, unlimited or \"\"",
		a.CPUCredits)
	check.Sizes("MinSize, DesiredCapacity, MaxSize", a.MinSize, a.DesiredCapacity, a.MaxSize)
	check.Between("CPUTarget", 10, 90, a.CPUTarget)
	check.AtLeast("RequestsPerTarget", 1, a.RequestsPerTarget)
	if a.DomainName != "" {
		check.NoError("DomainName", ValidateDomainName(a.DomainName))
	}
	check.That(a.HostedZoneID == "" || a.DomainName != "", "DomainName", "the name to make in the hosted zone", a.DomainName)
	check.That(a.CertificateARN != "" || a.HostedZoneID == "" || len(a.DomainName) <= MaxCertificateName, "DomainName",
		fmt.Sprintf("at most %d characters for a certificate", MaxCertificateName), a.DomainName)
	a.Program.validate(check)
	check.Named("StageName", a.StageName)
	check.Named("MetricsNamespace", a.MetricsNamespace)
	check.Named("AccessLogPrefix", a.AccessLogPrefix)
	check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	return check.Err()
}
