package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Config is a stack's configuration after every check. The fields are named like the keys that set them; their meaning,
// defaults and limits are in docs/configuration.md.
type Config struct {
	Project, Stack    string
	Region            string   // aws:region
	AllowedAccountIDs []string // aws:allowedAccountIds

	Network    NetworkConfig
	Database   DatabaseConfig
	Compute    ComputeConfig
	Fargate    FargateConfig
	Images     ImagesConfig
	API        APIConfig
	Monitoring MonitoringConfig
	Governance GovernanceConfig

	// Production holds for stacks named prod or production, alone or as a part of the name: they may not do without what
	// protects data and people.
	Production bool
	// Disposable stacks leave nothing behind when they are destroyed. It is the other face of database.deletionProtection.
	Disposable bool
}

// NetworkConfig is the object under "network".
type NetworkConfig struct {
	CIDR               string
	AZCount            int
	NAT                string // "instance", "single" or "one-per-az"
	InterfaceEndpoints []string
	FlowLogs           bool
}

// DatabaseConfig is the object under "database".
type DatabaseConfig struct {
	InstanceClass, EngineVersion          string
	MultiAZ                               bool
	AllocatedStorage, MaxAllocatedStorage int // GiB
	BackupRetentionDays                   int
	DeletionProtection                    bool
	Replicas                              int
	PasswordVersion                       int
}

// ComputeConfig is the object under "compute".
type ComputeConfig struct {
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

// FargateConfig is the object under "fargate".
type FargateConfig struct {
	CPU, Memory                      int
	MinTasks, DesiredTasks, MaxTasks int
	SpotWeight, BacklogPerTask       int
	EphemeralStorage                 int // GiB
	PersistentStorage                bool
	RetainHours                      int
}

// ImagesConfig is the object under "images".
type ImagesConfig struct{ Backend, Agent string }

// APIConfig is the object under "api".
type APIConfig struct {
	ThrottleRate, ThrottleBurst int
	ManageAccountLogging        bool
}

// MonitoringConfig is the object under "monitoring".
type MonitoringConfig struct {
	AlertEmails                          []string
	MonthlyBudgetUSD, LogRetentionDays   int
	WAF, GuardDuty, AWSConfig, Inspector bool
}

// GovernanceConfig is the object under "stack": what an organisation demands of everything in it.
type GovernanceConfig struct {
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

// loadConfig reads the configuration that the Pulumi engine hands to the program. The SDK's own accessors answer for keys
// that are asked for; finding the ones that nobody asks for takes the whole map.
func loadConfig(ctx *pulumi.Context) (Config, error) {
	values := map[string]string{}
	if text := os.Getenv(pulumi.EnvConfig); text != "" {
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			return Config{}, fmt.Errorf("reading the configuration in %s: %w", pulumi.EnvConfig, err)
		}
	}
	// A context that was not started from the environment still knows its values by name.
	known := []string{regionKey, accountsKey}
	for _, tier := range tiers(schema(&Config{})) {
		known = append(known, ctx.Project()+":"+tier)
	}
	for _, key := range known {
		if value, ok := ctx.GetConfig(key); ok {
			values[key] = value
		}
	}
	var secrets []string
	for key := range values {
		if ctx.IsConfigSecret(key) {
			secrets = append(secrets, key)
		}
	}
	return parse(ctx.Project(), ctx.Stack(), values, secrets...)
}

// parse checks the raw configuration of the stack of this name, values by namespace:key, and returns it typed. It is pure. An
// error lists every problem; secretKeys are the keys whose value is, or holds, a secret.
func parse(project, name string, values map[string]string, secretKeys ...string) (Config, error) {
	c := Config{Project: project, Stack: name, Production: stack.Production(name)}
	d := &decoder{report: newReport(name), project: project, settings: schema(&c), secrets: secretKeys}
	d.provider(values, &c)
	d.tiers(values)
	check(&c, d.report)
	if err := d.report.err(); err != nil {
		return Config{}, err
	}
	c.Disposable = !c.Database.DeletionProtection
	return c, nil
}
