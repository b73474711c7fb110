package network

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The smallest burstable instance: bulk data goes through the S3 endpoint, not through it.
const natInstanceType = "t4g.nano"

//go:embed nat-instance.sh.tmpl
var natUserDataText string

var natUserDataTemplate = template.Must(template.New("nat").Option("missingkey=error").Parse(natUserDataText))

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

// natRanges are the ranges whose traffic the NAT instance forwards, all zones that they may grow into included.
func (b *builder) natRanges() []netip.Prefix {
	if b.args.NAT != NATByInstance {
		return nil
	}
	return []netip.Prefix{b.plan.BackendRange, b.plan.ClientsRange}
}

func (b *builder) makeNATInstance(subnetID pulumi.StringOutput) (*ways, error) {
	userData, err := natUserData(b.args.CIDR, b.natRanges())
	if err != nil {
		return nil, err
	}
	image, err := ec2.LookupAmi(b.ctx, &ec2.LookupAmiArgs{
		MostRecent: pulumi.BoolRef(true),
		Owners:     []string{"amazon"},
		Filters: []ec2.GetAmiFilter{
			{Name: "name", Values: []string{"al2023-ami-2023.*-arm64"}},
			{Name: "architecture", Values: []string{"arm64"}},
			{Name: "virtualization-type", Values: []string{"hvm"}},
		},
	}, pulumi.Parent(b.parent))
	if err != nil {
		return nil, fmt.Errorf("looking up image of NAT instance: %w", err)
	}
	instance, err := ec2.NewInstance(b.ctx, b.child("nat"), &ec2.InstanceArgs{
		Ami:                 pulumi.String(image.Id),
		InstanceType:        pulumi.String(natInstanceType),
		SubnetId:            subnetID,
		VpcSecurityGroupIds: pulumi.StringArray{b.groupID(NATInstance)},
		// AssociatePublicIpAddress stays unset: the subnet gives none, and "false" would read back as "true" once the elastic
		// address is attached, which replaces the instance in every update.
		SourceDestCheck: pulumi.Bool(false), // it forwards packets that are not addressed to it
		UserData:        pulumi.String(userData),
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
			Tags:                b.tags("nat"),
		},
		CreditSpecification: &ec2.InstanceCreditSpecificationArgs{CpuCredits: pulumi.String("standard")}, // slow rather than dear
		MaintenanceOptions:  &ec2.InstanceMaintenanceOptionsArgs{AutoRecovery: pulumi.String("default")},
		EbsOptimized:        pulumi.Bool(true),
		Tags:                b.tags("nat"),
	}, b.opts(pulumi.IgnoreChanges([]string{"ami"}))...) // a new image must not take the way out down by itself
	if err != nil {
		return nil, fmt.Errorf("creating NAT instance: %w", err)
	}
	address, err := b.makeAddress("nat", instance)
	if err != nil {
		return nil, err
	}
	if err := b.makeNATReboot(instance); err != nil {
		return nil, err
	}
	target := pulumi.All(instance.PrimaryNetworkInterfaceId, address.ID()).ApplyT(func(values []any) string {
		return values[0].(string)
	}).(pulumi.StringOutput)
	return &ways{
		exits:     []exit{func(route *ec2.RouteArgs) { route.NetworkInterfaceId = target }},
		addresses: []pulumi.StringOutput{address.PublicIp},
	}, nil
}

// makeNATReboot restarts an instance that hangs. A failing host is left to the instance's own recovery.
func (b *builder) makeNATReboot(instance *ec2.Instance) error {
	stack := b.args.Stack
	_, err := cloudwatch.NewMetricAlarm(b.ctx, b.child("nat-reboot"), &cloudwatch.MetricAlarmArgs{
		AlarmDescription:   pulumi.String("The NAT instance fails its status check and is restarted. Runbook: docs/runbook.md#nat-instance"),
		Namespace:          pulumi.String("AWS/EC2"),
		MetricName:         pulumi.String("StatusCheckFailed_Instance"),
		Dimensions:         pulumi.StringMap{"InstanceId": instance.ID()},
		Statistic:          pulumi.String("Maximum"),
		Period:             pulumi.Int(60),
		EvaluationPeriods:  pulumi.Int(3),
		Threshold:          pulumi.Float64(1),
		ComparisonOperator: pulumi.String("GreaterThanOrEqualToThreshold"),
		TreatMissingData:   pulumi.String("missing"), // a stopped instance has no checks and is not to be restarted
		AlarmActions: pulumi.Array{
			pulumi.String("arn:" + stack.Partition + ":automate:" + stack.Region + ":ec2:reboot"), b.args.AlarmTopicARN,
		},
		OkActions: pulumi.Array{b.args.AlarmTopicARN},
		Tags:      b.tags("nat-reboot"),
	}, b.opts()...)
	if err != nil {
		return fmt.Errorf("creating alarm of NAT instance: %w", err)
	}
	return nil
}
