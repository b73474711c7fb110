package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"scalable-backend/compute"
	"scalable-backend/database"
	"scalable-backend/internal/stack"
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
	release     = regexp.MustCompile(`^2023\.[0-9]{1,3}\.20[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])$`)
	certificate = regexp.MustCompile(
		`^arn:(aws[a-z-]*):acm:([a-z0-9-]+):([0-9]{12}):certificate/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	hostedZone = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	policyARN  = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]{1,512}$`)
	// What every service takes in the name and the value of a tag.
	tagText = regexp.MustCompile(`^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9 _.:/=+@-]*[A-Za-z0-9_.:/=+@-])?$`)
	// A path of what RFC 3986 lets stand there; a name in another script is written as xn--.
	runbookURL  = regexp.MustCompile(`^https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]+)?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$`)
	emailDomain = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)
)

// schema lists every key of every tier, bound to its field of c, and sets the defaults. A default is what a stack that is
// no one's production can run with, or, where data could be lost or leak, the safer choice.
func schema(c *Config) []*setting {
	return slices.Concat(
		c.Network.settings(),
		c.Database.settings(),
		c.Compute.settings(),
		c.Fargate.settings(),
		c.Images.settings(),
		c.API.settings(),
		c.Monitoring.settings(),
		c.Governance.settings(),
	)
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
	if reason := unfitClass(s); reason != "" {
		return errors.New(reason)
	}
	_, err := database.MemoryGiB(s)
	return err
}

func validInstanceType(s string) error {
	if reason := unfitType(s); reason != "" {
		return errors.New(reason)
	}
	_, err := compute.Architecture(s)
	return err
}

func validCredits(s string) error {
	if s != compute.CreditsStandard && s != compute.CreditsUnlimited {
		return errNotAllowed
	}
	return nil
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

// maxRunbookURL leaves room for the rest of an event rule's description, which EventBridge ends at 512 characters.
const maxRunbookURL = 256

func validRunbookURL(s string) error {
	address, err := url.Parse(s)
	switch {
	case err != nil || !runbookURL.MatchString(s) || len(s) > maxRunbookURL:
		return errNotAllowed
	case address.Port() != "":
		if port, err := strconv.ParseUint(address.Port(), 10, 16); err != nil || port == 0 {
			return errors.New("its port has to be from 1 to 65535")
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
