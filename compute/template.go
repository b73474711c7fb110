package compute

import (
	"encoding/base64"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// rootDevice is where Amazon Linux 2023 has its root volume.
	rootDevice    = "/dev/xvda"
	rootVolumeGiB = 20
)

// newLaunchTemplate creates the template from which the group launches instances, and returns it with the name of its image.
func (b *builder) newLaunchTemplate(
	id *identity, adminToken pulumi.StringOutput, logs *cloudwatch.LogGroup,
) (*ec2.LaunchTemplate, pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	architecture, err := Architecture(b.args.InstanceType)
	if err != nil {
		return nil, none, err
	}
	image, err := b.newMachineImage(architecture)
	if err != nil {
		return nil, none, err
	}
	// EbsOptimized stays unset: types of today always are, and AWS refuses to start a t2 that is asked for it.
	// One template for each architecture: a group never comes to a version whose image and instance type do not fit.
	template, err := ec2.NewLaunchTemplate(b.Ctx, b.Name("instance-"+architecture), &ec2.LaunchTemplateArgs{
		Description:          pulumi.String("Instances of the backend"),
		ImageId:              image.id,
		InstanceType:         pulumi.String(b.args.InstanceType),
		CreditSpecification:  b.creditSpecification(),
		UserData:             b.userData(adminToken, logs),
		UpdateDefaultVersion: pulumi.Bool(true),
		IamInstanceProfile:   ec2.LaunchTemplateIamInstanceProfileArgs{Arn: id.profile.Arn},
		MetadataOptions: ec2.LaunchTemplateMetadataOptionsArgs{
			HttpEndpoint:            pulumi.String("enabled"),
			HttpTokens:              pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1),
			InstanceMetadataTags:    pulumi.String("disabled"),
		},
		Monitoring: ec2.LaunchTemplateMonitoringArgs{Enabled: pulumi.Bool(b.args.DetailedMonitoring)},
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex:              pulumi.Int(0),
			AssociatePublicIpAddress: pulumi.String("false"),
			DeleteOnTermination:      pulumi.String("true"),
			SecurityGroups:           pulumi.StringArray{b.args.BackendSecurityGroupID},
		}},
		// Encrypted with AWS's own key: a customer-managed one would have to name the Auto Scaling role in its policy.
		BlockDeviceMappings: ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
			DeviceName: pulumi.String(rootDevice),
			Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
				Encrypted:           pulumi.String("true"),
				VolumeType:          pulumi.String("gp3"),
				VolumeSize:          pulumi.Int(rootVolumeGiB),
				DeleteOnTermination: pulumi.String("true"),
			},
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			b.tagSpecification("instance"),
			b.tagSpecification("volume"),
		},
		Tags: b.Tags("instance"),
	}, b.Options()...)
	if err != nil {
		return nil, none, fmt.Errorf("creating launch template: %w", err)
	}
	return template, image.name, nil
}

func (b *builder) tagSpecification(resourceType string) ec2.LaunchTemplateTagSpecificationArgs {
	return ec2.LaunchTemplateTagSpecificationArgs{
		ResourceType: pulumi.String(resourceType),
		Tags:         b.Tags("instance"),
	}
}

// userData is the rendered script in base64, as a launch template takes it.
func (b *builder) userData(adminToken pulumi.StringOutput, logs *cloudwatch.LogGroup) pulumi.StringOutput {
	args := b.args
	return pulumi.All(args.Image, args.BucketName, args.DatabaseSecretARN, adminToken, logs.Name).
		ApplyT(func(values []any) (string, error) {
			script, err := UserData(Boot{
				Settings: Settings{
					Stack:               args.Stack.Stack,
					Stage:               args.StageName,
					Region:              args.Stack.Region,
					Bucket:              values[1].(string),
					DatabaseSecretARN:   values[2].(string),
					AdminTokenSecretARN: values[3].(string),
					MetricsNamespace:    args.MetricsNamespace,
					Program:             args.Program,
					KeepObjects:         args.KeepObjects,
				},
				Image:    values[0].(string),
				LogGroup: values[4].(string),
			})
			if err != nil {
				return "", err
			}
			return base64.StdEncoding.EncodeToString([]byte(script)), nil
		}).(pulumi.StringOutput)
}
