package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/compute"
	"scalable-backend/database"
	"scalable-backend/internal/stack"
	"scalable-backend/network"
)

// The retention periods that CloudWatch Logs knows. Zero, for ever, is left out.
var logRetention = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// The services that can have an interface endpoint. execute-api is not among them: its private name would take the public
// API's place in the whole VPC, and agents would no longer reach it. S3 has its gateway endpoint.
var endpointServices = []string{
	"ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "elasticfilesystem", "kms", "logs",
	"monitoring", "secretsmanager", "sns", "ssm", "ssmmessages", "sts",
}

var (
	dbClass     = regexp.MustCompile(`^db\.[a-z]+[0-9]+[a-z0-9-]*\.[0-9]*(micro|small|medium|large|xlarge)$`)
	amiID       = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	certificate = regexp.MustCompile(
		`^arn:(aws[a-z-]*):acm:([a-z0-9-]+):([0-9]{12}):certificate/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	policyARN = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]{1,512}$`)
	// What every service takes in the name and the value of a tag.
	tagText     = regexp.MustCompile(`^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9 _.:/=+@-]*[A-Za-z0-9_.:/=+@-])?$`)
	emailDomain = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)
)

// schema lists every key of every tier, bound to its field of c, and sets the defaults. A default is what a stack that is
// no one's production can run with, or, where data could be lost or leak, the safer choice.
func schema(c *Config) []*setting {
	n, db, co, f, a, m, g := &c.Network, &c.Database, &c.Compute, &c.Fargate, &c.API, &c.Monitoring, &c.Governance
	return []*setting{
		text("network.cidr", &n.CIDR, "10.20.0.0/16", "a private IPv4 range from /16 to /23", network.ValidateCIDR),
		integer("network.azCount", &n.AZCount, 2, 2, 4),
		choice("network.nat", &n.NAT, "single", "instance", "single", "one-per-az"),
		list("network.interfaceEndpoints", &n.InterfaceEndpoints, "a list of "+strings.Join(endpointServices, ", "), "secretsmanager",
			validEndpoint),
		boolean("network.flowLogs", &n.FlowLogs, true),

		text("database.instanceClass", &db.InstanceClass, "db.t4g.micro", "an instance class of RDS for PostgreSQL", validClass),
		choice("database.engineVersion", &db.EngineVersion, "17", "14", "15", "16", "17", "18"),
		boolean("database.multiAz", &db.MultiAZ, false),
		integer("database.allocatedStorage", &db.AllocatedStorage, 20, 20, 65536),
		integer("database.maxAllocatedStorage", &db.MaxAllocatedStorage, 100, 0, 65536),
		integer("database.backupRetentionDays", &db.BackupRetentionDays, 7, 1, 35),
		boolean("database.deletionProtection", &db.DeletionProtection, true),
		integer("database.replicas", &db.Replicas, 0, 0, database.MaxReplicas),
		integer("database.passwordVersion", &db.PasswordVersion, 1, 1, 1_000_000),

		text("compute.instanceType", &co.InstanceType, "t4g.small", "an EC2 instance type that runs Linux", validInstanceType),
		integer("compute.minSize", &co.MinSize, 1, 1, 500),
		integer("compute.desiredCapacity", &co.DesiredCapacity, 1, 1, 500),
		integer("compute.maxSize", &co.MaxSize, 3, 1, 500),
		boolean("compute.spot", &co.Spot, false),
		integer("compute.cpuTarget", &co.CPUTarget, 60, 10, 90),
		integer("compute.requestsPerTarget", &co.RequestsPerTarget, 1000, 1, 1_000_000),
		optional("compute.certificateArn", &co.CertificateARN, "the ARN of an ACM certificate in the stack's region",
			"arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000", matches(certificate)),
		list("compute.allowedCidrs", &co.AllowedCIDRs, "a list of IPv4 ranges", "203.0.113.0/24", validSource),
		optional("compute.amiId", &co.AMIID, "the ID of an Amazon Linux 2023 image", "ami-0123456789abcdef0", matches(amiID)),
		boolean("compute.ignoreRollbackAlarms", &co.IgnoreRollbackAlarms, false),

		integerOf("fargate.cpu", &f.CPU, 256, 256, 512, 1024, 2048, 4096, 8192, 16384),
		integer("fargate.memory", &f.Memory, 512, 512, 122880),
		integer("fargate.minTasks", &f.MinTasks, 1, 1, 1000),
		integer("fargate.desiredTasks", &f.DesiredTasks, 1, 1, 1000),
		integer("fargate.maxTasks", &f.MaxTasks, 4, 1, 1000),
		integer("fargate.spotWeight", &f.SpotWeight, 4, 0, 100),
		integer("fargate.backlogPerTask", &f.BacklogPerTask, 20, 1, 10_000),
		integer("fargate.ephemeralStorage", &f.EphemeralStorage, 21, 21, 200),
		boolean("fargate.persistentStorage", &f.PersistentStorage, false),
		integer("fargate.retainHours", &f.RetainHours, 24, 1, 8760),

		optional("images.backend", &c.Images.Backend, "a digest URI in this stack's own repository", exampleImage("backend"), namesRepository),
		optional("images.agent", &c.Images.Agent, "a digest URI in this stack's own repository", exampleImage("agent"), namesRepository),

		integer("api.throttleRate", &a.ThrottleRate, 50, 1, 10_000),
		integer("api.throttleBurst", &a.ThrottleBurst, 100, 1, 5_000),
		boolean("api.manageAccountLogging", &a.ManageAccountLogging, true),

		list("monitoring.alertEmails", &m.AlertEmails, "a list of e-mail addresses", "ops@example.com", validEmail),
		integer("monitoring.monthlyBudgetUsd", &m.MonthlyBudgetUSD, 150, 1, 1_000_000),
		integerOf("monitoring.logRetentionDays", &m.LogRetentionDays, 14, logRetention...),
		boolean("monitoring.waf", &m.WAF, false),
		boolean("monitoring.guardDuty", &m.GuardDuty, false),
		boolean("monitoring.awsConfig", &m.AWSConfig, false),
		boolean("monitoring.inspector", &m.Inspector, false),

		optional("stack.permissionsBoundaryArn", &g.PermissionsBoundaryARN, "the ARN of an IAM policy",
			"arn:aws:iam::"+documentationAccount+":policy/boundary", matches(policyARN)),
		table("stack.tags", &g.Tags, "a map of tags, names to values", "team", "payments", validTag),
	}
}

func exampleImage(service string) string {
	return "<account>.dkr.ecr.<region>.amazonaws.com/<project>/<stack>/" + service + "@sha256:<digest>"
}

// namesRepository is a first look; which repository it has to be depends on the project and the stack.
func namesRepository(uri string) error {
	if !strings.Contains(uri, "/") {
		return errNotAllowed
	}
	return nil
}

func matches(pattern *regexp.Regexp) func(string) error {
	return func(s string) error {
		if !pattern.MatchString(s) {
			return errNotAllowed
		}
		return nil
	}
}

func validEndpoint(s string) error {
	if !slices.Contains(endpointServices, s) {
		return errNotAllowed
	}
	return nil
}

func validClass(s string) error {
	if !dbClass.MatchString(s) {
		return errNotAllowed
	}
	_, err := database.MemoryGiB(s)
	return err
}

func validInstanceType(s string) error {
	_, err := compute.Architecture(s)
	return err
}

func validSource(s string) error {
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !prefix.Addr().Is4():
		return errNotAllowed
	case prefix.Masked() != prefix:
		return fmt.Errorf("it has host bits set, want %s", prefix.Masked())
	}
	return nil
}

// The lengths that AWS takes.
const maxTagName, maxTagValue = 128, 256

func validTag(name, value string) error {
	switch {
	case !tagText.MatchString(name) || len(name) > maxTagName:
		return fmt.Errorf("the name has to be 1 to %d letters, digits, spaces and _.:/=+@-", maxTagName)
	case strings.HasPrefix(strings.ToLower(name), "aws:"):
		return errors.New("names that begin with aws: are AWS's own")
	case !tagText.MatchString(value) || len(value) > maxTagValue:
		return fmt.Errorf("the value has to be 1 to %d letters, digits, spaces and _.:/=+@-", maxTagValue)
	}
	for _, own := range stack.OwnTags() {
		// IAM takes no two tags that differ in capitals only.
		if strings.EqualFold(name, own) {
			return fmt.Errorf("every resource has a tag %s already", own)
		}
	}
	return nil
}

func validEmail(s string) error {
	address, err := mail.ParseAddress(s)
	if err != nil || address.Address != s || !emailDomain.MatchString(s[strings.LastIndexByte(s, '@')+1:]) {
		return errNotAllowed
	}
	return nil
}
