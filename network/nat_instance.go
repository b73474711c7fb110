package network

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/machine"
)

// natInstanceType is the smallest burstable one: files go through the S3 endpoint, not through the NAT instance.
const natInstanceType = "t4g.nano"

//go:embed nat-instance.sh.tmpl
var natUserDataText string

var natUserDataTemplate = template.Must(template.New("nat").Parse(natUserDataText))

// natUserData is the boot script of a NAT instance for some ranges of a VPC.
func natUserData(vpc string, ranges []netip.Prefix) (string, error) {
	var text strings.Builder
	err := natUserDataTemplate.Execute(&text, struct {
		VPC    string
		Ranges []netip.Prefix
	}{vpc, ranges})
	if err != nil {
		return "", fmt.Errorf("writing user data of NAT instance: %w", err)
	}
	return text.String(), nil
}

// natRanges are the ranges whose traffic the NAT instance forwards, with room for zones that are added; nil without one.
func (b *builder) natRanges() []netip.Prefix {
	if b.args.NAT != NATByInstance {
		return nil
	}
	return []netip.Prefix{b.plan.BackendRange, b.plan.ClientsRange}
}

func (b *builder) newNATInstance(subnetID pulumi.StringOutput) (*nat, error) {
	userData, err := natUserData(b.args.CIDR, b.natRanges())
	if err != nil {
		return nil, err
	}
	image, err := machine.Image(b.Builder, "arm64", b.args.Release)
	if err != nil {
		return nil, err
	}
	opts := b.Options()
	if b.args.Release == "" {
		// A newer image must not interrupt the way to the internet in an update that is about something else.
		opts = append(opts, pulumi.IgnoreChanges([]string{"ami"}))
	}
	instance, err := ec2.NewInstance(b.Ctx, b.Name("nat"), &ec2.InstanceArgs{
		Ami:                 pulumi.String(image.Id),
		InstanceType:        pulumi.String(natInstanceType),
		SubnetId:            subnetID,
		VpcSecurityGroupIds: pulumi.StringArray{b.securityGroupID(NATInstance)},
		// AssociatePublicIpAddress stays unset: the subnet gives none, and "false" would read back as "true" once the elastic
		// address is attached, which replaces the instance in every update.
		SourceDestCheck: pulumi.Bool(false), // it forwards packets that are not for itself
		// A script that fails ends in poweroff. A stopped instance is seen, by newNATAlarms, and can be started again.
		InstanceInitiatedShutdownBehavior: pulumi.String("stop"),
		UserData:                          pulumi.String(userData),
		// The script runs at first boot only, so a new script needs a new instance.
		UserDataReplaceOnChange: pulumi.Bool(true),
		MetadataOptions: &ec2.InstanceMetadataOptionsArgs{
			HttpEndpoint:            pulumi.String("enabled"),
			HttpTokens:              pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1),
			InstanceMetadataTags:    pulumi.String("disabled"),
		},
		RootBlockDevice: &ec2.InstanceRootBlockDeviceArgs{
			Encrypted:           pulumi.Bool(true),
			VolumeType:          pulumi.String("gp3"),
			VolumeSize:          pulumi.Int(8),
			DeleteOnTermination: pulumi.Bool(true),
			Tags:                b.Tags("nat"),
		},
		// Slower once its credits are used up, but never billed for more.
		CreditSpecification: &ec2.InstanceCreditSpecificationArgs{CpuCredits: pulumi.String("standard")},
		MaintenanceOptions:  &ec2.InstanceMaintenanceOptionsArgs{AutoRecovery: pulumi.String("default")},
		EbsOptimized:        pulumi.Bool(true),
		Tags:                b.Tags("nat"),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("creating NAT instance: %w", err)
	}
	address, err := b.newAddress("nat", instance)
	if err != nil {
		return nil, err
	}
	if err := b.newNATAlarms(instance); err != nil {
		return nil, err
	}
	target := component.After(instance.PrimaryNetworkInterfaceId, address.ID())
	return &nat{
		targets:   []routeTarget{func(route *ec2.RouteArgs) { route.NetworkInterfaceId = target }},
		addresses: []pulumi.StringOutput{address.PublicIp},
	}, nil
}

// newNATAlarms restart an instance that no longer answers, and tell of one that is stopped: its checks report nothing then. When
// the host fails, EC2 recovers the instance by itself.
func (b *builder) newNATAlarms(instance *ec2.Instance) error {
	check := func(name string) component.Metric {
		return component.Metric{
			Namespace: "AWS/EC2", Name: name,
			Dimensions: []component.Dimension{{Name: "InstanceId", Value: instance.ID().ToStringOutput()}},
		}
	}
	if _, err := b.NewAlarm("nat-reboot", component.Alarm{
		Description: "The NAT instance fails its status check and is restarted.",
		Runbook:     "nat-instance",
		Metric:      check("StatusCheckFailed_Instance"),
		Statistic:   "Maximum", Period: 60, Periods: 3,
		Comparison: component.AtLeast, Threshold: 1,
		NoData:  component.NoDataIsUnknown, // a stopped instance has no checks and is not to be restarted
		Actions: []string{"arn:" + b.Stack.Partition + ":automate:" + b.Stack.Region + ":ec2:reboot"},
		Topic:   b.args.AlarmTopicARN,
	}); err != nil {
		return err
	}
	_, err := b.NewAlarm("nat-stopped", component.Alarm{
		Description: "The NAT instance is stopped, as after a script that failed, or fails its checks for ten minutes.",
		Metric:      check("StatusCheckFailed"),
		Statistic:   "Maximum", Period: 60, Periods: 10,
		Comparison: component.AtLeast, Threshold: 1,
		NoData: component.NoDataIsAlarm,
		Topic:  b.args.AlarmTopicARN,
	})
	return err
}
