package config

import (
	"scalable-backend/compute"
	"scalable-backend/internal/container"
)

// Compute is the object under "compute".
type Compute struct {
	InstanceType                      string
	Architecture                      string // derived: "arm64" or "x86_64"
	MinSize, DesiredCapacity, MaxSize int
	Spot                              bool
	CPUTarget, RequestsPerTarget      int
	DomainName, HostedZoneID          string
	CertificateARN                    string
	AllowedCIDRs                      []string
	AMIID                             string
	Release                           string
	CPUCredits                        string
	IgnoreRollbackAlarms              bool
	Program                           compute.Program
	KeepObjects                       bool
}

func (c *Compute) settings() []*setting {
	return append([]*setting{
		text("compute.instanceType", &c.InstanceType, "t4g.small", "m7i.large", "an EC2 instance type that can run the backend",
			validInstanceType).
			means("The backend's instances. Images are built for its architecture, for the agents too. Refused are the first Graviton " +
				"(a1), `nano`, and the oldest families, which a Network Load Balancer does not take."),
		integer("compute.minSize", &c.MinSize, 1, 1, 500).
			means("Fewest instances. At least 2 in production, so that a zone may fail."),
		integer("compute.desiredCapacity", &c.DesiredCapacity, 1, 1, 500).
			means("Instances at creation. Scaling moves the number afterwards, and updates leave it alone."),
		integer("compute.maxSize", &c.MaxSize, 3, 1, 500).
			means("Most instances that scaling may start."),
		boolean("compute.spot", &c.Spot, false).
			means("Takes every instance above the first from Spot capacity: far cheaper, and taken back at two minutes' notice."),
		integer("compute.cpuTarget", &c.CPUTarget, 60, 10, 90).
			means("Average CPU in percent that scaling keeps."),
		integer("compute.requestsPerTarget", &c.RequestsPerTarget, 1000, 1, 1_000_000).
			means("Requests per instance and minute that scaling keeps. What all instances take by it should not be less than what " +
				"`api.throttleRate` lets through."),
		optional("compute.domainName", &c.DomainName, "a domain name in lower case", exampleDomain, compute.ValidateDomainName).
			means("The name under which users reach the load balancer, and which `loadBalancerUrl` says. See [below](#a-name-of-your-own). " +
				"Required in production, and with a certificate."),
		optional("compute.hostedZoneId", &c.HostedZoneID, "the ID of a public Route 53 hosted zone in the stack's account",
			"Z0123456789ABCDEFGHIJ", matches(hostedZone)).
			means("The hosted zone of `domainName`: the stack makes the record in it and, without `certificateArn`, a certificate."),
		optional("compute.certificateArn", &c.CertificateARN, "the ARN of an ACM certificate in the stack's region",
			"arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000", matches(certificate)).
			means("The load balancer's ACM certificate, of the stack's own region and account, which covers `domainName`. With one, or " +
				"with `hostedZoneId`, it serves HTTPS and redirects HTTP; otherwise HTTP only. Production needs one of the two."),
		list("compute.allowedCidrs", &c.AllowedCIDRs, "a list of IPv4 ranges", "203.0.113.0/24", validSource).
			means("Who may reach the load balancer. Empty means nobody. Ranges must not overlap. A range broader than /8 is the " +
				"internet, and wants a certificate: over plain HTTP, tokens would travel in the clear."),
		optional("compute.amiId", &c.AMIID, "the ID of an Amazon Linux 2023 image", "ami-0123456789abcdef0", matches(amiID)).
			means("The instances' image, if it is one of your own. Empty copies Amazon Linux 2023 into the account, so that instances " +
				"can start when Amazon has withdrawn it."),
		optional("compute.release", &c.Release, "a release of Amazon Linux 2023", "2023.9.20251117", matches(release)).
			means("Moves the fleet, and the NAT instance, to a release on purpose: once a month, see the runbook. Empty takes the " +
				"newest at creation and ignores later ones."),
		optional("compute.cpuCredits", &c.CPUCredits, "standard or unlimited", compute.CreditsUnlimited, validCredits).
			means("What a burstable instance type (t3, t4g and the like) does when its CPU credits are used up: standard slows it down, " +
				"unlimited bills what it uses. Empty is standard outside production, and in production what AWS does with the type."),
		boolean("compute.ignoreRollbackAlarms", &c.IgnoreRollbackAlarms, false).
			means("Lets an update start while an alarm is on that would stop it: the way to get a fix through."),
		boolean("compute.keepObjects", &c.KeepObjects, false).
			means("Keeps objects in the bucket that the catalogue does not name, in place of deleting them: `true` while an older state of " +
				"the database is restored, see the runbook."),
	}, c.programSettings()...)
}

// exampleSecret is a key of a secret.
const exampleSecret = "arn:aws:secretsmanager:us-east-1:" + documentationAccount + ":secret:payments-AbCdEf:apiKey"

const (
	takesVariables = "a map of variables, names to values of one line"
	takesSecrets   = "a map of variables, names to `<secret's ARN>:<JSON key>`"
	takesUser      = "`uid:gid` in numbers, not 0"
	takesPaths     = "a list of absolute paths of letters, digits, `-` and `_`"
)

// programSettings are about the program in the container: the backend of this repository, or another one.
func (c *Compute) programSettings() []*setting {
	p := &c.Program
	own := compute.DefaultProgram()
	return []*setting{
		variables("compute.environment", &p.Environment, takesVariables, "LOG_FORMAT", "json", validVariable(compute.ValidateVariable)).
			means("More variables of the backend's container, besides those that the infrastructure sets: " +
				"[Programs of your own](#programs-of-your-own). At most 40."),
		variables("compute.secrets", &p.Secrets, takesSecrets, "PAYMENTS_KEY", exampleSecret, validSecret(compute.ValidateSecretName)).
			means("Variables whose values are in AWS Secrets Manager, read each time the container starts. The instances' role may read " +
				"exactly these secrets."),
		words("compute.command", &p.Command, nil, "/app").
			means("The program and its arguments, in place of the image's own."),
		integer("compute.port", &p.Port, own.Port, compute.MinPort, compute.MaxPort).
			means("Where the backend serves users, through the public load balancer."),
		integer("compute.gatewayPort", &p.GatewayPort, own.GatewayPort, compute.MinPort, compute.MaxPort).
			means("Where it serves API Gateway, whose caller's identity it may trust there and nowhere else: another port than `port`."),
		text("compute.healthPath", &p.HealthPath, own.HealthPath, "/health", "a path of letters, digits and `._~/-`",
			compute.ValidateHealthPath).
			means("Answers a GET with 200 on both ports while the process serves. It must not depend on the database, or a failover would " +
				"replace every instance."),
		text("compute.user", &p.User, own.User, "1000:1000", takesUser, validUser).
			means("The user of the backend's process."),
		paths("compute.writablePaths", &p.WritablePaths, own.WritablePaths, "/var/cache/app", container.ValidatePath).
			means("Directories in memory that the backend may write to, empty at each start. All else is read-only."),
		integer("compute.writableMiB", &p.WritableMiB, own.WritableMiB, 1, 65_536).
			means("The size of each of them."),
		optionalInteger("compute.memory", &p.MemoryMiB, compute.MinMemoryMiB, 1_048_576).
			means("MiB of memory of the container, at most; 0 for no limit but the instance's."),
		integer("compute.stopSeconds", &p.StopSeconds, own.StopSeconds, compute.MinStopSeconds, compute.MaxStopSeconds).
			means("Seconds from SIGTERM to SIGKILL. The load balancers send requests for some seconds after SIGTERM: serve on. What is left " +
				"of them is `BACKEND_DRAIN_TIMEOUT`, 15 seconds less. The backend of this repository needs 90."),
	}
}
