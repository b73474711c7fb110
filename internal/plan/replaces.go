package plan

import (
	"strings"
)

// replacing holds for every type that the program registers the inputs whose change the provider answers with a
// replacement. It was reviewed against the resource schemas of the Terraform provider below pulumi-aws 6.83 (ForceNew and
// RequiresReplace). A path stands for everything below it; indexes are left out. A type that nothing replaces has an empty
// row; one without a row is reported as not reviewed.
var replacing = map[string]string{
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

	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
	"aws:ec2/eip:Eip":         "domain address ipamPoolId networkBorderGroup publicIpv4Pool vpc",
	"aws:ec2/flowLog:FlowLog": "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination logDestinationType logFormat logGroupName maxAggregationInterval subnetId trafficType transitGatewayAttachmentId transitGatewayId vpcId",
	"aws:ec2/instance:Instance": "ami associatePublicIpAddress availabilityZone cpuCoreCount cpuOptions cpuThreadsPerCore ebsOptimized enclaveOptions ephemeralBlockDevices hibernation hostId " +
		"instanceMarketOptions ipv6Addresses keyName launchTemplate.id launchTemplate.name networkInterfaces placementGroup placementPartitionNumber privateDnsNameOptions privateIp " +
		"rootBlockDevice.encrypted rootBlockDevice.kmsKeyId securityGroups subnetId tenancy " + ebsBlockDevices,
	"aws:ec2/internetGateway:InternetGateway":                   "", // it moves from one VPC to another
	"aws:ec2/launchTemplate:LaunchTemplate":                     "name namePrefix",
	"aws:ec2/natGateway:NatGateway":                             "allocationId connectivityType privateIp secondaryPrivateIpAddressCount subnetId",
	"aws:ec2/route:Route":                                       "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
	"aws:ec2/routeTable:RouteTable":                             "vpcId",
	"aws:ec2/routeTableAssociation:RouteTableAssociation":       "subnetId gatewayId",
	"aws:ec2/securityGroup:SecurityGroup":                       "name namePrefix description vpcId",
	"aws:ec2/subnet:Subnet":                                     "vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn",
	"aws:ec2/vpc:Vpc":                                           "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
	"aws:ec2/vpcEndpoint:VpcEndpoint":                           "vpcId serviceName vpcEndpointType serviceRegion resourceConfigurationArn serviceNetworkArn",
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":                   "repository policy",
	"aws:ecr/repository:Repository":                             "name encryptionConfigurations",
	"aws:ecs/cluster:Cluster":                                   "name",
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
	"aws:ecs/service:Service":                                   "name cluster launchType schedulingStrategy iamRole deploymentController",
	"aws:ecs/taskDefinition:TaskDefinition": "family containerDefinitions cpu memory ephemeralStorage executionRoleArn taskRoleArn inferenceAccelerators ipcMode " +
		"networkMode pidMode placementConstraints proxyConfiguration requiresCompatibilities runtimePlatform volumes enableFaultInjection",
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
	"aws:rds/instance:Instance": "availabilityZone backupTarget characterSetName customIamInstanceProfile dbName engine kmsKeyId ncharCharacterSetName restoreToPointInTime " +
		"s3Import snapshotIdentifier storageEncrypted timezone username",
	"aws:rds/parameterGroup:ParameterGroup": "name namePrefix family description",
	"aws:rds/subnetGroup:SubnetGroup":       "name namePrefix",

	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":                       "bucket expectedBucketOwner",
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                                                     "bucket expectedBucketOwner",
	"aws:s3/bucketMetric:BucketMetric":                                                           "bucket name",
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                     "bucket",
	"aws:s3/bucketPolicy:BucketPolicy":                                                           "bucket",
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                     "bucket",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": "bucket expectedBucketOwner",
	"aws:s3/bucketV2:BucketV2":                                                                   "bucket bucketPrefix objectLockEnabled objectLockConfiguration.objectLockEnabled",
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               "bucket expectedBucketOwner",
	"aws:secretsmanager/secret:Secret":                                                           "name namePrefix",
	"aws:secretsmanager/secretVersion:SecretVersion":                                             "secretId secretString secretBinary",
	"aws:sns/topic:Topic":                                                                        "name namePrefix fifoTopic",
	"aws:sns/topicPolicy:TopicPolicy":                                                            "arn",
	"aws:sns/topicSubscription:TopicSubscription":                                                "topic protocol endpoint",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":                                    "securityGroupId",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":                                  "securityGroupId",
	"aws:wafv2/ipSet:IpSet":                                                                      "name namePrefix scope ipAddressVersion",
	"aws:wafv2/webAcl:WebAcl":                                                                    "name namePrefix scope",
	"aws:wafv2/webAclAssociation:WebAclAssociation":                                              "resourceArn webAclArn",
	"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration":                            "resourceArn logDestinationConfigs",

	"docker-build:index:Image":                   "", // it is built again in its place
	"random:index/randomId:RandomId":             "byteLength keepers prefix",
	"random:index/randomPassword:RandomPassword": "keepers length lower minLower minNumeric minSpecial minUpper number numeric overrideSpecial special upper",
}

// ebsBlockDevices is what replaces an instance of its further volumes: all but their tags.
const ebsBlockDevices = "ebsBlockDevices.deleteOnTermination ebsBlockDevices.deviceName ebsBlockDevices.encrypted ebsBlockDevices.iops ebsBlockDevices.kmsKeyId " +
	"ebsBlockDevices.snapshotId ebsBlockDevices.throughput ebsBlockDevices.volumeSize ebsBlockDevices.volumeType"

// conditional holds the inputs whose change replaces some resources of a type only, or only some changes of which do.
var conditional = map[string]func(before, after Resource) []string{
	// A network load balancer takes further subnets; and its groups cannot go from none to some, nor back.
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
	// A service takes another strategy by a new deployment, if one is forced; but not its first, nor none.
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
	// A VPC gives its instances hardware of their own from the beginning, or never; it can only cease to.
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

// peers are the inputs that say who is at the other end of a security-group rule; it has one of them.
var peers = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

// otherKindOfPeer: a rule takes another range, or another group, but not a group for a range.
func otherKindOfPeer(before, after Resource) []string {
	for _, peer := range peers {
		_, was := before.Get(peer)
		if _, is := after.Get(peer); was != is {
			return peers
		}
	}
	return nil
}

// namedOtherwise are types whose "name" input is not a name that AWS keeps unique for them.
var namedOtherwise = map[string]bool{
	"aws:guardduty/detectorFeature:DetectorFeature": true,
}

// replaces lists the paths of a resource's inputs whose change replaces it; reviewed is false for a type that nobody has
// looked at.
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

// deletedFirst tells whether a replaced resource has to go before the new one comes: because the program says so, or
// because both would have the same name.
func deletedFirst(before, after Resource) bool {
	if after.DeleteBeforeReplace {
		return true
	}
	old, _ := before.Get("name")
	name, ok := after.Get("name")
	return ok && old == name && strings.HasPrefix(after.Type, "aws:") && !namedOtherwise[after.Type]
}

func list(r Resource, property string) []any {
	value, _ := r.Get(property)
	items, _ := value.([]any)
	return items
}

// covers tells whether a pattern of ignoreChanges, replaceOnChanges or the tables above takes in a path, or something
// below it. Indexes do not count, and * stands for any one key.
func covers(pattern, path string) bool {
	a, b := keysOf(pattern), keysOf(path)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && a[i] != "*" {
			return false
		}
	}
	return true
}

// within is covers without what is below the path: to ignore a part is not to ignore the whole.
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

// Reviewed tells whether somebody has listed what replaces a type.
func Reviewed(typ string) bool {
	_, ok := replacing[typ]
	return ok
}
