package graph

import (
	"strings"
)

// replacing lists, for every type that the program registers, the inputs whose change makes the provider replace the resource.
// Source: the resource schemas of the Terraform provider in pulumi-aws 6.83 (ForceNew and RequiresReplace). A path includes all
// paths below it; indexes are left out. With an empty row no input replaces it. A type without a row is reported as not reviewed.
var replacing = map[string]string{
	"aws:acm/certificate:Certificate": "certificateAuthorityArn domainName keyAlgorithm subjectAlternativeNames validationMethod " +
		"validationOptions",
	"aws:acm/certificateValidation:CertificateValidation": "certificateArn validationRecordFqdns",

	"aws:apigateway/account:Account":               "",
	"aws:apigateway/deployment:Deployment":         "restApi triggers variables stageName stageDescription canarySettings",
	"aws:apigateway/methodSettings:MethodSettings": "restApi stageName methodPath",
	"aws:apigateway/restApi:RestApi":               "",
	"aws:apigateway/stage:Stage":                   "restApi stageName",
	"aws:apigateway/vpcLink:VpcLink":               "targetArn",
	"aws:appautoscaling/policy:Policy":             "name resourceId scalableDimension serviceNamespace",
	"aws:appautoscaling/target:Target":             "resourceId scalableDimension serviceNamespace",
	"aws:autoscaling/group:Group":                  "name namePrefix initialLifecycleHooks",
	"aws:autoscaling/notification:Notification":    "topicArn",
	"aws:autoscaling/policy:Policy":                "name autoscalingGroupName",
	"aws:budgets/budget:Budget":                    "name namePrefix accountId",
	"aws:cfg/deliveryChannel:DeliveryChannel":      "name",
	"aws:cfg/recorder:Recorder":                    "name",
	"aws:cfg/recorderStatus:RecorderStatus":        "",
	"aws:cloudwatch/dashboard:Dashboard":           "dashboardName",
	"aws:cloudwatch/eventRule:EventRule":           "name namePrefix eventBusName",
	"aws:cloudwatch/eventTarget:EventTarget":       "rule eventBusName targetId",
	"aws:cloudwatch/logGroup:LogGroup":             "name namePrefix logGroupClass",
	"aws:cloudwatch/metricAlarm:MetricAlarm":       "name",

	"aws:ec2/amiCopy:AmiCopy":                           "name sourceAmiId sourceAmiRegion encrypted kmsKeyId destinationOutpostArn",
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
	"aws:ec2/eip:Eip":                                   "domain address ipamPoolId networkBorderGroup publicIpv4Pool vpc",
	"aws:ec2/flowLog:FlowLog": "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination logDestinationType logFormat " +
		"logGroupName maxAggregationInterval subnetId trafficType transitGatewayAttachmentId transitGatewayId vpcId",
	"aws:ec2/instance:Instance": "ami associatePublicIpAddress availabilityZone cpuCoreCount cpuOptions cpuThreadsPerCore ebsOptimized " +
		"enclaveOptions ephemeralBlockDevices hibernation hostId instanceMarketOptions ipv6Addresses keyName launchTemplate.id " +
		"launchTemplate.name networkInterfaces placementGroup placementPartitionNumber privateDnsNameOptions privateIp " +
		"rootBlockDevice.encrypted rootBlockDevice.kmsKeyId securityGroups subnetId tenancy " + ebsBlockDevices,
	"aws:ec2/internetGateway:InternetGateway": "", // an update can attach it to another VPC
	"aws:ec2/launchTemplate:LaunchTemplate":   "name namePrefix",
	"aws:ec2/natGateway:NatGateway":           "allocationId connectivityType privateIp secondaryPrivateIpAddressCount subnetId",
	"aws:ec2/route:Route": "routeTableId destinationCidrBlock " +
		"destinationIpv6CidrBlock destinationPrefixListId",
	"aws:ec2/routeTable:RouteTable":                       "vpcId",
	"aws:ec2/routeTableAssociation:RouteTableAssociation": "subnetId gatewayId",
	"aws:ec2/securityGroup:SecurityGroup":                 "name namePrefix description vpcId",
	"aws:ec2/subnet:Subnet":                               "vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn",
	"aws:ec2/vpc:Vpc":                                     "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
	"aws:ec2/vpcEndpoint:VpcEndpoint": "vpcId serviceName vpcEndpointType serviceRegion " +
		"resourceConfigurationArn serviceNetworkArn",

	"aws:ecr/lifecyclePolicy:LifecyclePolicy":                   "repository policy",
	"aws:ecr/repository:Repository":                             "name encryptionConfigurations",
	"aws:ecs/cluster:Cluster":                                   "name",
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
	"aws:ecs/service:Service":                                   "name cluster launchType schedulingStrategy iamRole deploymentController",
	"aws:ecs/taskDefinition:TaskDefinition": "family containerDefinitions cpu memory ephemeralStorage executionRoleArn taskRoleArn " +
		"inferenceAccelerators ipcMode networkMode pidMode placementConstraints proxyConfiguration requiresCompatibilities " +
		"runtimePlatform volumes enableFaultInjection",
	"aws:efs/accessPoint:AccessPoint":               "fileSystemId posixUser rootDirectory",
	"aws:efs/fileSystem:FileSystem":                 "availabilityZoneName creationToken encrypted kmsKeyId performanceMode",
	"aws:efs/fileSystemPolicy:FileSystemPolicy":     "fileSystemId",
	"aws:efs/mountTarget:MountTarget":               "fileSystemId subnetId ipAddress",
	"aws:guardduty/detector:Detector":               "",
	"aws:guardduty/detectorFeature:DetectorFeature": "detectorId name additionalConfigurations.name",

	"aws:iam/instanceProfile:InstanceProfile":           "name namePrefix path",
	"aws:iam/policy:Policy":                             "name namePrefix path description",
	"aws:iam/role:Role":                                 "name namePrefix path",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role policyArn",
	"aws:inspector2/enabler:Enabler":                    "",
	"aws:kms/alias:Alias":                               "name namePrefix",
	"aws:kms/key:Key":                                   "customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId",
	"aws:lb/listener:Listener":                          "loadBalancerArn",
	"aws:lb/loadBalancer:LoadBalancer":                  "name namePrefix internal loadBalancerType customerOwnedIpv4Pool",
	"aws:lb/targetGroup:TargetGroup":                    "name namePrefix ipAddressType port protocol protocolVersion targetType vpcId",
	"aws:rds/eventSubscription:EventSubscription":       "name namePrefix",
	"aws:rds/instance:Instance": "availabilityZone backupTarget characterSetName customIamInstanceProfile dbName engine kmsKeyId " +
		"ncharCharacterSetName restoreToPointInTime s3Import snapshotIdentifier storageEncrypted timezone username",
	"aws:rds/parameterGroup:ParameterGroup": "name namePrefix family description",
	"aws:rds/subnetGroup:SubnetGroup":       "name namePrefix",
	"aws:route53/record:Record":             "name zoneId",

	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":                       "bucket expectedBucketOwner",
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                                                     "bucket expectedBucketOwner",
	"aws:s3/bucketMetric:BucketMetric":                                                           "bucket name",
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                     "bucket",
	"aws:s3/bucketPolicy:BucketPolicy":                                                           "bucket",
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                     "bucket",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": "bucket expectedBucketOwner",
	"aws:s3/bucketV2:BucketV2": "bucket bucketPrefix objectLockEnabled " +
		"objectLockConfiguration.objectLockEnabled",
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                    "bucket expectedBucketOwner",
	"aws:secretsmanager/secret:Secret":                                "name namePrefix",
	"aws:secretsmanager/secretVersion:SecretVersion":                  "secretId secretString secretBinary",
	"aws:sns/topic:Topic":                                             "name namePrefix fifoTopic",
	"aws:sns/topicPolicy:TopicPolicy":                                 "arn",
	"aws:sns/topicSubscription:TopicSubscription":                     "topic protocol endpoint",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":         "securityGroupId",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":       "securityGroupId",
	"aws:wafv2/ipSet:IpSet":                                           "name namePrefix scope ipAddressVersion",
	"aws:wafv2/webAcl:WebAcl":                                         "name namePrefix scope",
	"aws:wafv2/webAclAssociation:WebAclAssociation":                   "resourceArn webAclArn",
	"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "resourceArn logDestinationConfigs",

	"docker-build:index:Image":       "", // an update builds the image again
	"random:index/randomId:RandomId": "byteLength keepers prefix",
	"random:index/randomPassword:RandomPassword": "keepers length lower minLower minNumeric minSpecial minUpper number numeric " +
		"overrideSpecial special upper",
}

// ebsBlockDevices lists the inputs of an instance's additional volumes that replace the instance: all but tags.
const ebsBlockDevices = "ebsBlockDevices.deleteOnTermination ebsBlockDevices.deviceName ebsBlockDevices.encrypted ebsBlockDevices.iops " +
	"ebsBlockDevices.kmsKeyId ebsBlockDevices.snapshotId ebsBlockDevices.throughput ebsBlockDevices.volumeSize " +
	"ebsBlockDevices.volumeType"

// conditional returns inputs whose change replaces a resource only in some cases, depending on its values before and after.
var conditional = map[string]func(before, after Resource) []string{
	// A network load balancer can get more subnets but lose none, and it can neither get its first nor lose its last group.
	"aws:lb/loadBalancer:LoadBalancer": func(before, after Resource) []string {
		if kind, _ := after.Get("loadBalancerType"); kind != "network" {
			return nil
		}
		var paths []string
		if len(list(after, "subnets")) <= len(list(before, "subnets")) {
			paths = append(paths, "subnets")
		}
		if (len(list(before, "securityGroups")) == 0) != (len(list(after, "securityGroups")) == 0) {
			paths = append(paths, "securityGroups")
		}
		return paths
	},
	// With forceNewDeployment the strategy of a service can be changed, but neither added nor removed.
	"aws:ecs/service:Service": func(before, after Resource) []string {
		forced, _ := after.Get("forceNewDeployment")
		none := len(list(before, "capacityProviderStrategies")) == 0
		if forced != true || none != (len(list(after, "capacityProviderStrategies")) == 0) {
			return []string{"capacityProviderStrategies"}
		}
		return nil
	},
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": otherKindOfPeer,
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":   otherKindOfPeer,
	// A VPC's tenancy can only be changed from dedicated to default.
	"aws:ec2/vpc:Vpc": func(before, after Resource) []string {
		old, _ := before.Get("instanceTenancy")
		if now, _ := after.Get("instanceTenancy"); old == "dedicated" && now == "default" {
			return nil
		}
		return []string{"instanceTenancy"}
	},
	"aws:ec2/instance:Instance": func(_, after Resource) []string {
		if on, _ := after.Get("userDataReplaceOnChange"); on == true {
			return []string{"userData", "userDataBase64"}
		}
		return nil
	},
}

// peers lists the inputs for the other end of a security-group rule, which has one of them.
var peers = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

// otherKindOfPeer: an update can change a range or a group to another one, but a change from a range to a group replaces the rule.
func otherKindOfPeer(before, after Resource) []string {
	for _, peer := range peers {
		_, was := before.Get(peer)
		if _, is := after.Get(peer); was != is {
			return peers
		}
	}
	return nil
}

// sharedNames are types whose "name" need not be unique: two resources may have the same at the same time.
var sharedNames = map[string]bool{
	"aws:guardduty/detectorFeature:DetectorFeature": true,
	"aws:route53/record:Record":                     true, // in another zone
}

// replaces lists the paths of a resource's inputs whose change replaces it; reviewed is false for a type without a row above.
func replaces(before, after Resource) (paths []string, reviewed bool) {
	if !after.Custom || after.Remote {
		return nil, true // components have nothing of their own to replace
	}
	row, reviewed := replacing[after.Type]
	paths = strings.Fields(row)
	if more, ok := conditional[after.Type]; ok {
		paths = append(paths, more(before, after)...)
	}
	return append(paths, after.ReplaceOnChanges...), reviewed
}

// deletedFirst tells whether a resource is deleted before its replacement is created: the program requires it, or both would have
// the same name.
func deletedFirst(before, after Resource) bool {
	if after.DeleteBeforeReplace {
		return true
	}
	old, _ := before.Get("name")
	name, ok := after.Get("name")
	return ok && old == name && strings.HasPrefix(after.Type, "aws:") && !sharedNames[after.Type]
}

func list(r Resource, property string) []any {
	value, _ := r.Get(property)
	items, _ := value.([]any)
	return items
}

// covers tells whether a pattern of ignoreChanges, replaceOnChanges or the tables above matches a path, a path above it or one
// below it. Indexes are ignored, and * matches any one key.
func covers(pattern, path string) bool {
	a, b := keysOf(pattern), keysOf(path)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && a[i] != "*" {
			return false
		}
	}
	return true
}

// within is covers without patterns for paths below: ignoring a part does not ignore the whole.
func within(pattern, path string) bool {
	return len(keysOf(pattern)) <= len(keysOf(path)) && covers(pattern, path)
}

// keysOf splits a path and drops indexes.
func keysOf(path string) []string {
	var keys []string
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' }) {
		if !strings.HasSuffix(part, "]") {
			keys = append(keys, strings.Trim(part, `"`))
		}
	}
	return keys
}

// Reviewed tells whether a type has a row in the table of inputs that replace it.
func Reviewed(typ string) bool {
	_, ok := replacing[typ]
	return ok
}
