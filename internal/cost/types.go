package cost

import (
	"maps"
	"slices"
	"strings"
)

// byUse are types that are billed by a use that nobody can foresee from here.
var byUse = map[string]string{
	"aws:cfg/recorder:Recorder":        "AWS Config bills each recorded item",
	"aws:guardduty/detector:Detector":  "GuardDuty bills events, flow logs and DNS queries",
	"aws:inspector2/enabler:Enabler":   "Inspector bills each instance and image that it scans",
	"aws:ecr/repository:Repository":    "ECR bills 0.10 a GB and month of images: cents",
	"aws:sns/topic:Topic":              "SNS bills mails by the hundred thousand: cents",
	"aws:efs/fileSystem:FileSystem":    "EFS bills what it keeps, 0.30 a GB and month; what is written is a line",
	"aws:lb/loadBalancer:LoadBalancer": "capacity units for bytes and open connections; those for new connections are lines",
	"aws:rds/instance:Instance":        "backups beyond the size of the database",
	"aws:cloudwatch/logGroup:LogGroup": "logs that are kept, 0.03 a GB and month; what is written is a line",
	"aws:ec2/vpcEndpoint:VpcEndpoint":  "0.01 a GB through an interface endpoint",
	"aws:apigateway/restApi:RestApi":   "calls of people; those of agents are a line",
	"aws:secretsmanager/secret:Secret": "0.05 for 10,000 reads, which the backend keeps in memory",
	"aws:kms/key:Key":                  "0.03 for 10,000 calls, of which bucket keys leave few",
	"aws:s3/bucketV2:BucketV2":         "versions that are kept after a change, and the logs of access",
	"aws:ecs/cluster:Cluster":          "the logs that Container Insights writes",
	"aws:wafv2/webAcl:WebAcl":          "rule groups of other vendors; those that are used here are free",
}

// free are types that AWS does not bill, or that are nothing in AWS, by the reason.
var free = map[string]string{
	"awsx:":             "a component: what is in it is billed",
	"scalable-backend:": "a component: what is in it is billed",
	"random:":           "a number in Pulumi's state",
	"docker-build:":     "an image that this machine builds; the repository keeps it",

	"aws:acm/certificate:Certificate":                                      "free where AWS's services use it",
	"aws:acm/certificateValidation:CertificateValidation":                  "nothing in AWS: it waits",
	"aws:route53/record:Record":                                            "the zone is the owner's, and billed there",
	"aws:apigateway/account:Account":                                       "a setting",
	"aws:apigateway/deployment:Deployment":                                 "a version of the API",
	"aws:apigateway/stage:Stage":                                           "its calls are billed; a cache would be, and there is none",
	"aws:apigateway/vpcLink:VpcLink":                                       "REST APIs pay for the load balancer alone",
	"aws:appautoscaling/policy:Policy":                                     "its alarms are among the alarms",
	"aws:autoscaling/notification:Notification":                            "a setting",
	"aws:autoscaling/policy:Policy":                                        "AWS makes its alarms and does not bill them",
	"aws:budgets/budget:Budget":                                            "without actions",
	"aws:cfg/deliveryChannel:DeliveryChannel":                              "a setting",
	"aws:cfg/recorderStatus:RecorderStatus":                                "a setting",
	"aws:cloudwatch/eventRule:EventRule":                                   "events of AWS's own services are free",
	"aws:cloudwatch/eventTarget:EventTarget":                               "a setting",
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":                    "a setting",
	"aws:ec2/flowLog:FlowLog":                                              "its log is billed",
	"aws:ec2/internetGateway:InternetGateway":                              "free",
	"aws:ec2/route:Route":                                                  "free",
	"aws:ec2/routeTable:RouteTable":                                        "free",
	"aws:ec2/routeTableAssociation:RouteTableAssociation":                  "free",
	"aws:ec2/securityGroup:SecurityGroup":                                  "free",
	"aws:ec2/subnet:Subnet":                                                "free",
	"aws:ec2/vpc:Vpc":                                                      "free",
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":                              "a setting",
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders":            "a setting",
	"aws:efs/accessPoint:AccessPoint":                                      "free",
	"aws:efs/fileSystemPolicy:FileSystemPolicy":                            "a policy",
	"aws:efs/mountTarget:MountTarget":                                      "free",
	"aws:guardduty/detectorFeature:DetectorFeature":                        "part of the detector",
	"aws:iam/instanceProfile:InstanceProfile":                              "free",
	"aws:iam/policy:Policy":                                                "free",
	"aws:iam/role:Role":                                                    "free",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":                    "free",
	"aws:kms/alias:Alias":                                                  "a name",
	"aws:lb/listener:Listener":                                             "part of the load balancer",
	"aws:lb/targetGroup:TargetGroup":                                       "part of the load balancer",
	"aws:rds/eventSubscription:EventSubscription":                          "the topic's mails are billed",
	"aws:rds/parameterGroup:ParameterGroup":                                "a setting",
	"aws:rds/subnetGroup:SubnetGroup":                                      "a setting",
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": "a setting that deletes",
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                               "what it writes is kept in a bucket",
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":               "a setting",
	"aws:s3/bucketPolicy:BucketPolicy":                                     "a policy",
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":               "a setting",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": "a setting; the key is billed",
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               "a setting",
	"aws:secretsmanager/secretVersion:SecretVersion":                                             "part of the secret",
	"aws:sns/topicPolicy:TopicPolicy":                                                            "a policy",
	"aws:sns/topicSubscription:TopicSubscription":                                                "mails are billed with the topic",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":                                    "free",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":                                  "free",
	"aws:wafv2/ipSet:IpSet":                                                                      "free",
	"aws:wafv2/webAclAssociation:WebAclAssociation":                                              "free",
	"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration":                            "its log is billed",
}

// Priced tells whether a line prices the type.
func Priced(token string) bool {
	return slices.ContainsFunc(rows, func(row row) bool { return slices.Contains(row.types, token) })
}

// Free returns the reason why a type is not billed, "" for others.
func Free(token string) string {
	if why, ok := free[token]; ok {
		return why
	}
	provider, _, _ := strings.Cut(token, ":")
	return free[provider+":"]
}

// Tokens returns all types that have a price or a reason, sorted.
func Tokens() []string {
	all := slices.Concat(slices.Collect(maps.Keys(byUse)), slices.Collect(maps.Keys(free)))
	for _, row := range rows {
		all = append(all, row.types...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(token string) bool { return strings.HasSuffix(token, ":") })
}

// Known tells whether a type has a price, is billed by use, or is free.
func Known(token string) bool { return Priced(token) || byUse[token] != "" || Free(token) != "" }
