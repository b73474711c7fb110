package compute

import (
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// What a burstable instance does once its CPU credits are used up, by EC2's names.
const (
	CreditsStandard  = "standard"  // it is slower, and costs no more
	CreditsUnlimited = "unlimited" // it is not, and what it uses is billed; AWS's own choice for T3 and later
)

const (
	// bootSeconds is the time for boot, packages, image, migrations and registration with the network load balancer, about three
	// minutes, and some more. It is both the grace period of the health check and the warm-up: an instance counts as ready
	// exactly when its health check begins to count.
	bootSeconds = 240
	// slowBootSeconds is the same for an instance that is held to its baseline from the first second: with standard credits T3 and
	// later get none at launch.
	slowBootSeconds = 600
)

var burstable = regexp.MustCompile(`^t[0-9]+[a-z]*\.`)

// Burstable tells whether an instance type has CPU credits.
func Burstable(instanceType string) bool { return burstable.MatchString(instanceType) }

func (b *builder) creditSpecification() ec2.LaunchTemplateCreditSpecificationPtrInput {
	if b.args.CPUCredits == "" || !Burstable(b.args.InstanceType) {
		return nil // EC2 refuses it for other types
	}
	return ec2.LaunchTemplateCreditSpecificationArgs{CpuCredits: pulumi.String(b.args.CPUCredits)}
}

func (b *builder) bootSeconds() int {
	if b.args.CPUCredits == CreditsStandard && Burstable(b.args.InstanceType) {
		return slowBootSeconds
	}
	return bootSeconds
}
