// Package config is the stack's configuration: Load reads it from the Pulumi engine, Parse checks every key and every
// combination, and Config holds it typed. Whatever is wrong is reported in one Error, before any resource is registered.
// A new key is one line in schema and one field in Config.
package config

import "strings"

// Config is a stack's configuration after every check. The fields are named like the keys that set them; their meaning,
// defaults and limits are in docs/configuration.md.
type Config struct {
	Project, Stack    string
	Region            string   // aws:region
	AllowedAccountIDs []string // aws:allowedAccountIds

	Network    Network
	Database   Database
	Compute    Compute
	Fargate    Fargate
	Images     Images
	API        API
	Monitoring Monitoring
	Governance Governance

	// Production holds for stacks named prod or production, or with that word as a part of their name (eu-prod): Parse requires of
	// them what protects data and alerts people.
	Production bool
	// Disposable stacks keep no data when they are destroyed: database.deletionProtection is false.
	Disposable bool
}

// Network is the object under "network".
type Network struct {
	CIDR               string
	AZCount            int
	NAT                string // "instance", "single" or "one-per-az"
	InterfaceEndpoints []string
	FlowLogs           bool
}

// Database is the object under "database".
type Database struct {
	InstanceClass, EngineVersion          string
	MultiAZ                               bool
	AllocatedStorage, MaxAllocatedStorage int // GiB
	BackupRetentionDays                   int
	DeletionProtection                    bool
	Replicas                              int
	PasswordVersion                       int
}

// Compute is the object under "compute".
type Compute struct {
	InstanceType                      string
	Architecture                      string // derived: "arm64" or "x86_64"
	MinSize, DesiredCapacity, MaxSize int
	Spot                              bool
	CPUTarget, RequestsPerTarget      int
	CertificateARN                    string
	AllowedCIDRs                      []string
	AMIID                             string
	IgnoreRollbackAlarms              bool
}

// Fargate is the object under "fargate".
type Fargate struct {
	CPU, Memory                      int
	MinTasks, DesiredTasks, MaxTasks int
	SpotWeight, BacklogPerTask       int
	EphemeralStorage                 int // GiB
	PersistentStorage                bool
	RetainHours                      int
}

// Images is the object under "images".
type Images struct{ Backend, Agent string }

// API is the object under "api".
type API struct {
	ThrottleRate, ThrottleBurst int
	ManageAccountLogging        bool
}

// Monitoring is the object under "monitoring".
type Monitoring struct {
	AlertEmails                          []string
	MonthlyBudgetUSD, LogRetentionDays   int
	WAF, GuardDuty, AWSConfig, Inspector bool
}

// Governance is the object under "stack": an organization's rules for all resources.
type Governance struct {
	PermissionsBoundaryARN string
	Tags                   map[string]string
}

// HTTPS tells whether the load balancer has a certificate to serve with.
func (c Config) HTTPS() bool { return c.Compute.CertificateARN != "" }

// Partition is the part of AWS that the region belongs to, as ARNs name it.
func (c Config) Partition() string { return partition(c.Region) }

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}
