package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"scalable-backend/compute"
	"scalable-backend/database"
	"scalable-backend/fargate"
	"scalable-backend/images"
)

// check reports values that contradict each other or do not fit the stack. It skips keys that already have a problem.
func check(c *Config, r *report) {
	checkProduction(c, r)
	checkSources(c, r)
	checkCertificate(c, r)
	checkName(c, r)
	checkImages(c, r)
	checkBoundary(c, r)
	co, f := &c.Compute, &c.Fargate
	checkOrder(r, [3]string{"compute.minSize", "compute.desiredCapacity", "compute.maxSize"},
		[3]int{co.MinSize, co.DesiredCapacity, co.MaxSize})
	checkOrder(r, [3]string{"fargate.minTasks", "fargate.desiredTasks", "fargate.maxTasks"}, [3]int{f.MinTasks, f.DesiredTasks, f.MaxTasks})
	checkTaskSize(f, r)
	checkPrograms(c, r)
	checkServices(c, r)
	checkCapacity(c, r)

	if co.AMIID != "" && co.Release != "" && r.clean("compute.amiId", "compute.release") {
		r.add("compute.release", co.Release, "compute.amiId names the image already; unset one of the two", "")
	}

	if co.CPUCredits != "" && !compute.Burstable(co.InstanceType) && r.clean("compute.cpuCredits", "compute.instanceType") {
		r.add("compute.cpuCredits", co.CPUCredits, "only burstable types have CPU credits, and compute.instanceType is "+co.InstanceType, "")
	}

	db := &c.Database
	if v := db.Previous(); v != "" && v >= db.EngineVersion && r.clean("database.previousVersion", "database.engineVersion") {
		r.add("database.previousVersion", v, fmt.Sprintf("want a version before database.engineVersion, which is %s, or %s when no upgrade "+
			"is under way", db.EngineVersion, noVersion), noVersion)
	}
	if limit := db.MaxAllocatedStorage; limit != 0 && limit < database.MinStorageLimit(db.AllocatedStorage) &&
		r.clean("database.allocatedStorage", "database.maxAllocatedStorage") {
		r.add("database.maxAllocatedStorage", limit, fmt.Sprintf(
			"want at least 10 %% above database.allocatedStorage, which is %d, or 0 for storage that does not grow", db.AllocatedStorage),
			fmt.Sprint(min(2*db.AllocatedStorage, database.MaxStorage)))
	}
	if r.clean("compute.instanceType") {
		co.Architecture, _ = compute.Architecture(co.InstanceType)
	}
}

// checkOrder reports which of three numbers is out of order.
func checkOrder(r *report, keys [3]string, n [3]int) {
	low, desired, high := n[0], n[1], n[2]
	if (low <= desired && desired <= high) || !r.clean(keys[:]...) {
		return
	}
	blame := func(i, example int) {
		var others []string
		for j, key := range keys {
			if j != i {
				others = append(others, fmt.Sprintf("%s is %d", key, n[j]))
			}
		}
		_, a, _ := strings.Cut(keys[0], ".")
		_, b, _ := strings.Cut(keys[1], ".")
		_, c, _ := strings.Cut(keys[2], ".")
		r.add(keys[i], n[i], fmt.Sprintf("want %s <= %s <= %s, but %s", a, b, c, strings.Join(others, " and ")), fmt.Sprint(example))
	}
	switch {
	case low <= high:
		blame(1, min(max(desired, low), high))
	case desired <= high:
		blame(0, desired)
	case desired >= low:
		blame(2, desired)
	default: // low > desired > high: neither bound leaves room for the other
		blame(0, desired)
		blame(2, desired)
	}
}

func checkTaskSize(f *Fargate, r *report) {
	if !r.clean("fargate.cpu", "fargate.memory") {
		return
	}
	sizes := fargate.MemorySizes(f.CPU)
	if slices.Contains(sizes, f.Memory) {
		return
	}
	nearest := sizes[len(sizes)-1]
	for _, size := range slices.Backward(sizes) {
		if size >= f.Memory {
			nearest = size
		}
	}
	r.add("fargate.memory", f.Memory, fmt.Sprintf("want %s with fargate.cpu %d", fargate.SizesText(sizes), f.CPU), fmt.Sprint(nearest))
}

// checkSources looks at who may reach the load balancer.
func checkSources(c *Config, r *report) {
	const key = "compute.allowedCidrs"
	if !r.clean(key) {
		return
	}
	var sources []netip.Prefix
	for i, cidr := range c.Compute.AllowedCIDRs {
		source := netip.MustParsePrefix(cidr)
		place := fmt.Sprintf("%s[%d]", key, i)
		for _, earlier := range sources {
			if earlier.Overlaps(source) {
				r.addCommand(place, cidr, fmt.Sprintf("want ranges that do not overlap; it overlaps %s", earlier), r.remove(place))
			}
		}
		sources = append(sources, source)
		if vpc, err := netip.ParsePrefix(c.Network.CIDR); err == nil && r.clean("network.cidr") &&
			vpc.Overlaps(source) && source.Bits() >= vpc.Bits() {
			r.add(place, cidr, fmt.Sprintf("want a range outside network.cidr, %s: the load balancer sees public addresses only", vpc),
				"203.0.113.0/24")
		}
	}
	if c.HTTPS() || !r.clean("compute.certificateArn", "compute.hostedZoneId") {
		return
	}
	for _, source := range sources {
		// Nobody owns a range broader than /8: it is a part of the internet, which may be listed in pieces.
		if source.Bits() < 8 {
			r.add("compute.certificateArn", "", fmt.Sprintf(
				"required, as compute.allowedCidrs opens the load balancer to %s: over plain HTTP tokens would travel in the clear; or set "+
					"compute.hostedZoneId, with which the stack makes one", source),
				exampleCertificate(c.Region))
			return
		}
	}
}

func exampleCertificate(region string) string {
	return "arn:" + partition(region) + ":acm:" + region + ":" + documentationAccount + ":certificate/00000000-0000-0000-0000-000000000000"
}

// checkCertificate: a load balancer takes certificates of its own region and account only.
func checkCertificate(c *Config, r *report) {
	const key = "compute.certificateArn"
	parts := certificate.FindStringSubmatch(c.Compute.CertificateARN)
	if parts == nil || parts[3] == documentationAccount || !r.clean(key, regionKey, accountsKey) {
		return
	}
	if parts[2] != c.Region || parts[1] != c.Partition() {
		r.add(key, c.Compute.CertificateARN, "want a certificate of "+c.Region+", the stack's region", exampleCertificate(c.Region))
		return
	}
	if accounts := c.accounts(); len(accounts) > 0 && !slices.Contains(accounts, parts[3]) {
		r.add(key, c.Compute.CertificateARN, "want a certificate of an account in "+accountsKey+", "+strings.Join(accounts, " or "),
			strings.ReplaceAll(exampleCertificate(c.Region), documentationAccount, accounts[0]))
	}
}

// govCloud is a partition whose Route 53 has private hosted zones alone (AWS GovCloud (US) User Guide, "Amazon Route 53").
const govCloud = "aws-us-gov"

// checkName: a certificate covers a name of the owner's, never AWS's name for the load balancer, and a zone holds names.
func checkName(c *Config, r *report) {
	const key, zone = "compute.domainName", "compute.hostedZoneId"
	co := &c.Compute
	if co.HostedZoneID != "" && c.Partition() == govCloud && r.clean(zone, regionKey) {
		r.addCommand(zone, co.HostedZoneID, "Route 53 has no public hosted zones in "+govCloud+": make the record where the name is kept, and "+
			"set compute.certificateArn", r.remove(zone))
	}
	if !r.clean(key, "compute.certificateArn", zone) {
		return
	}
	switch {
	case co.DomainName == "" && co.CertificateARN != "":
		r.add(key, "", "required with compute.certificateArn: no certificate covers AWS's name for the load balancer", exampleDomain)
	case co.DomainName == "" && co.HostedZoneID != "":
		r.add(key, "", "required with compute.hostedZoneId: the name to make in the zone", exampleDomain)
	case co.HostedZoneID != "" && co.CertificateARN == "" && len(co.DomainName) > compute.MaxCertificateName:
		r.add(key, co.DomainName, fmt.Sprintf("want at most %d characters, which is ACM's limit for a certificate; one of your own "+
			"(compute.certificateArn) may hold a longer name", compute.MaxCertificateName), exampleDomain)
	}
}

// checkBoundary: a role takes a boundary of its own partition and account, or one that AWS manages.
func checkBoundary(c *Config, r *report) {
	const key = "stack.permissionsBoundaryArn"
	parts := policyARN.FindStringSubmatch(c.Governance.PermissionsBoundaryARN)
	if parts == nil || parts[2] == documentationAccount || !r.clean(key, regionKey, accountsKey) {
		return
	}
	accounts := c.accounts()
	example := "arn:" + c.Partition() + ":iam::" + append(accounts, documentationAccount)[0] + ":policy/boundary"
	if parts[1] != c.Partition() {
		r.add(key, c.Governance.PermissionsBoundaryARN, "want a policy of the partition "+c.Partition()+", which "+c.Region+" belongs to",
			example)
		return
	}
	if len(accounts) > 0 && parts[2] != "aws" && !slices.Contains(accounts, parts[2]) {
		r.add(key, c.Governance.PermissionsBoundaryARN, "want a policy of an account in "+accountsKey+", "+strings.Join(accounts, " or "),
			example)
	}
}

func checkImages(c *Config, r *report) {
	for _, image := range []struct{ key, service, uri string }{
		{"images.backend", images.Backend, c.Images.Backend}, {"images.agent", images.Agent, c.Images.Agent},
	} {
		if image.uri == "" || !r.clean(image.key, regionKey, accountsKey) {
			continue
		}
		repository := images.RepositoryName(c.Project, c.Stack, image.service)
		if err := images.CheckURI(image.uri, c.Region, c.accounts(), repository); err != nil {
			want := "want a digest URI in this stack's own repository"
			if !r.hidden["images"] {
				want += "; it is " + err.Error()
			}
			r.add(image.key, image.uri, want,
				images.ExampleURI(c.Region, repository))
		}
	}
}

// checkProduction requires what protects production's data and alerts people.
func checkProduction(c *Config, r *report) {
	if !c.Production {
		return
	}
	const suffix = " in production"
	for _, rule := range []struct {
		key     string
		ok      bool
		value   any
		want    string
		example string
	}{
		{"database.deletionProtection", c.Database.DeletionProtection, c.Database.DeletionProtection, "want true", "true"},
		{"database.multiAz", c.Database.MultiAZ, c.Database.MultiAZ, "want true", "true"},
		{"database.backupRetentionDays", c.Database.BackupRetentionDays >= 7, c.Database.BackupRetentionDays, "want at least 7", "30"},
		{"network.flowLogs", c.Network.FlowLogs, c.Network.FlowLogs, "want true", "true"},
		{"network.nat", c.Network.NAT != "instance", c.Network.NAT, "want one-per-az or single", "one-per-az"},
		{"compute.minSize", c.Compute.MinSize >= 2, c.Compute.MinSize, "want at least 2, so that a zone may fail", "3"},
		{"compute.domainName", c.Compute.DomainName != "", "", "required", exampleDomain},
		{"compute.certificateArn", c.HTTPS() || !r.clean("compute.hostedZoneId"), "", "required", exampleCertificate(c.Region)},
		{"monitoring.alertEmails", len(c.Monitoring.AlertEmails) > 0, []string{}, "want at least one address", "ops@example.com"},
	} {
		if rule.ok || !r.clean(rule.key) {
			continue
		}
		path := rule.key
		if path == "monitoring.alertEmails" {
			path += "[0]"
		}
		want := rule.want + suffix
		if rule.key == "compute.certificateArn" {
			want += ", or compute.hostedZoneId, with which the stack makes one"
		}
		r.addCommand(rule.key, rule.value, want, r.set(path, rule.example))
	}
	if len(c.AllowedAccountIDs) == 0 && r.clean(accountsKey) {
		r.addCommand(accountsKey, missing{}, "required"+suffix+": the account that the stack may change", r.account(accountsKey+"[0]"))
	}
}
