// Package stack describes where a deployment runs: the facts that every tier needs and none of them decides.
package stack

import (
	"maps"
	"regexp"

	"scalable-backend/internal/naming"
)

// Info names one deployment. All fields are known before the first resource is registered.
type Info struct {
	Project   string // Pulumi project name
	Stack     string // Pulumi stack name
	Region    string // AWS region, e.g. "eu-central-1"
	AccountID string // twelve digits
	Partition string // "aws", "aws-us-gov" or "aws-cn"
	// Disposable stacks leave nothing behind when they are destroyed: no final snapshot, no recovery window, buckets and
	// repositories are emptied first. A stack that protects its data is not disposable.
	Disposable bool
	// ExtraTags are added to the tags of every resource; the stack's own keys win.
	ExtraTags map[string]string
	// PermissionsBoundaryARN is the policy that bounds every role; empty for none. Package role sets it.
	PermissionsBoundaryARN string
	// RunbookURL is where docs/runbook.md is published: an https URL without query and fragment; empty for nowhere. Alarms link to it.
	RunbookURL string
}

var production = regexp.MustCompile(`(?i)(^|[-_.])prod(uction)?($|[-_.])`)

// Production tells whether a stack of this name is one: it is called prod or production, alone or as a part of the name.
func Production(name string) bool { return production.MatchString(name) }

// Deployment is the stack's name in its account, where another project may have a stack of the same name: "project-stack". Metrics,
// the budget and whatever has a name that AWS does not choose are told apart by it.
func (i Info) Deployment() string { return naming.Deployment(i.Project, i.Stack) }

// The keys that Tags sets itself.
const (
	NameTag       = "Name"
	ProjectTag    = "project"
	StackTag      = "stack"
	DeploymentTag = "deployment"
	TierTag       = "tier"
	ManagedByTag  = "managed-by"
)

// OwnTags are the keys that no extra tag may have.
func OwnTags() []string {
	return []string{NameTag, ProjectTag, StackTag, DeploymentTag, TierTag, ManagedByTag}
}

// Tags returns the tags of one resource: Name, project, stack, deployment, tier and managed-by. The budget counts by deployment: it
// filters by one tag, and neither project nor stack alone names what it is about.
func (i Info) Tags(tier, name string) map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, i.ExtraTags)
	maps.Copy(tags, map[string]string{
		NameTag:       name,
		ProjectTag:    i.Project,
		StackTag:      i.Stack,
		DeploymentTag: i.Deployment(),
		TierTag:       tier,
		ManagedByTag:  "pulumi",
	})
	return tags
}

// Own are the tags by which AWS finds what belongs to the stack. Not the deployment's, which says the same in one: resources that
// 0.1.0 made have it only after the first update.
func (i Info) Own() map[string]string {
	return map[string]string{ProjectTag: i.Project, StackTag: i.Stack}
}

// ARN returns an ARN in the stack's partition, region and account, e.g. ARN("logs", "log-group:/x").
func (i Info) ARN(service, resource string) string {
	return "arn:" + i.Partition + ":" + service + ":" + i.Region + ":" + i.AccountID + ":" + resource
}

// GlobalARN returns an ARN without a region, as IAM uses them, e.g. GlobalARN("iam", "role/x").
func (i Info) GlobalARN(service, resource string) string {
	return "arn:" + i.Partition + ":" + service + "::" + i.AccountID + ":" + resource
}

// ManagedPolicyARN returns the ARN of a policy that AWS manages, e.g. "AmazonSSMManagedInstanceCore" or
// "service-role/AmazonRDSEnhancedMonitoringRole".
func (i Info) ManagedPolicyARN(path string) string {
	return "arn:" + i.Partition + ":iam::aws:policy/" + path
}

// RootARN is the account itself as a principal; a key policy without it locks everyone out.
func (i Info) RootARN() string { return i.GlobalARN("iam", "root") }

// LogsService is CloudWatch Logs as a principal, which is regional. It is the one service of this program whose principal
// has the partition's own domain: all others end in amazonaws.com, in China too.
func (i Info) LogsService() string { return "logs." + i.Region + "." + i.DNSSuffix() }

// DNSSuffix is the domain of the partition's service endpoints.
func (i Info) DNSSuffix() string {
	if i.Partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
