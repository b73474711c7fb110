// Package machine finds the machine images that the stack's own instances start from. It is not a part of internal/component,
// because only two tiers have instances, and the package of EC2 is by far the slowest to compile and to link.
package machine

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// kernelLine is the kernel that all instances run. Amazon Linux 2023 has several, and a filter that names none takes now this,
// now that one.
const kernelLine = "kernel-6.1"

// Image finds Amazon Linux 2023 for an architecture ("arm64" or "x86_64"). release is e.g. "2023.9.20251117"; empty: the
// newest. A release is found as long as Amazon serves it, which is longer than it shows it: images are deprecated after 90 days.
func Image(b *component.Builder, architecture, release string) (*ec2.LookupAmiResult, error) {
	version := "2023.*"
	if release != "" {
		version = release + ".*"
	}
	found, err := ec2.LookupAmi(b.Ctx, &ec2.LookupAmiArgs{
		Owners:            []string{"amazon"},
		MostRecent:        pulumi.BoolRef(true),
		IncludeDeprecated: pulumi.BoolRef(release != ""),
		Filters: []ec2.GetAmiFilter{
			{Name: "name", Values: []string{"al2023-ami-" + version + "-" + kernelLine + "-" + architecture}},
			{Name: "architecture", Values: []string{architecture}},
			{Name: "virtualization-type", Values: []string{"hvm"}},
			{Name: "root-device-type", Values: []string{"ebs"}},
			{Name: "state", Values: []string{"available"}},
		},
	}, b.Parent())
	if err != nil && release != "" {
		return nil, fmt.Errorf("looking up Amazon Linux %s for %s (set compute.release to a release that Amazon still serves, "+
			"or to \"\" to stay with the image that the stack has): %w", release, architecture, err)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up Amazon Linux 2023 for %s: %w", architecture, err)
	}
	return found, nil
}
