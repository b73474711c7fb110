package config

import "scalable-backend/compute"

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
	Release                           string
	CPUCredits                        string
	IgnoreRollbackAlarms              bool
	KeepObjects                       bool
}

func (c *Compute) settings() []*setting {
	return []*setting{
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
		optional("compute.certificateArn", &c.CertificateARN, "the ARN of an ACM certificate in the stack's region",
			"arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000", matches(certificate)).
			means("The load balancer's ACM certificate, of the stack's own region and account. With one it serves HTTPS and " +
				"redirects HTTP; without one, HTTP only. Required in production."),
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
	}
}
