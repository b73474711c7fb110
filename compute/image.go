package compute

import (
	"fmt"

	"scalable-backend/internal/machine"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// machineImage is what instances start from.
type machineImage struct {
	id   pulumi.StringInput
	name pulumi.StringOutput // what it was made from; tells its age
}

// newMachineImage is the configured image, or a copy of Amazon Linux 2023. Amazon withdraws its releases, and a group whose image is
// gone cannot launch. The copy is the stack's own. A parameter of Systems Manager in its place (resolve:ssm:) would follow Amazon to
// each new release by itself: no two instances need be alike then, and no alarm would stop a bad one.
func (b *builder) newMachineImage(architecture string) (*machineImage, error) {
	if b.args.AMIID != "" {
		id := pulumi.String(b.args.AMIID)
		return &machineImage{id, id.ToStringOutput()}, nil
	}
	found, err := machine.Image(b.Builder, architecture, b.args.Release)
	if err != nil {
		return nil, err
	}
	opts := b.Options()
	if b.args.Release == "" {
		// The release that was the newest at creation stays: a newer one must not replace all instances in an update that is about
		// something else.
		opts = append(opts, pulumi.IgnoreChanges([]string{"sourceAmiId", "description"}))
	}
	suffix := "image-" + architecture // of its own for each architecture: what is kept could not start the other one
	image, err := ec2.NewAmiCopy(b.Ctx, b.Name(suffix), &ec2.AmiCopyArgs{
		Description:     pulumi.String(found.Name),
		SourceAmiId:     pulumi.String(found.Id),
		SourceAmiRegion: pulumi.String(b.Stack.Region),
		Encrypted:       pulumi.Bool(true), // with AWS's own key, as the volumes are
		Tags:            b.Tags(suffix),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("copying the image of Amazon Linux: %w", err)
	}
	return &machineImage{image.ID(), image.Description.Elem()}, nil
}
