package shape

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// ids holds the form of a type's id: "prefix-" before the name, or "=output" for the output that is the id. Without an entry the
// id is the name.
var ids = map[string]string{
	"aws:acm/certificate:Certificate":                           "=arn",
	"aws:apigateway/vpcLink:VpcLink":                            "vpclink-",
	"aws:autoscaling/policy:Policy":                             "=name",
	"aws:ec2/amiCopy:AmiCopy":                                   "ami-",
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":         "sg-",
	"aws:ec2/eip:Eip":                                           "eipalloc-",
	"aws:ec2/flowLog:FlowLog":                                   "fl-",
	"aws:ec2/instance:Instance":                                 "i-",
	"aws:ec2/internetGateway:InternetGateway":                   "igw-",
	"aws:ec2/launchTemplate:LaunchTemplate":                     "lt-",
	"aws:ec2/natGateway:NatGateway":                             "nat-",
	"aws:ec2/networkInterface:NetworkInterface":                 "eni-",
	"aws:ec2/route:Route":                                       "r-",
	"aws:ec2/routeTable:RouteTable":                             "rtb-",
	"aws:ec2/routeTableAssociation:RouteTableAssociation":       "rtbassoc-",
	"aws:ec2/securityGroup:SecurityGroup":                       "sg-",
	"aws:ec2/subnet:Subnet":                                     "subnet-",
	"aws:ec2/vpc:Vpc":                                           "vpc-",
	"aws:ec2/vpcEndpoint:VpcEndpoint":                           "vpce-",
	"aws:ecs/cluster:Cluster":                                   "=arn",
	"aws:ecs/service:Service":                                   "=arn",
	"aws:efs/accessPoint:AccessPoint":                           "fsap-",
	"aws:efs/fileSystem:FileSystem":                             "fs-",
	"aws:efs/mountTarget:MountTarget":                           "fsmt-",
	"aws:iam/policy:Policy":                                     "=arn",
	"aws:lb/listener:Listener":                                  "=arn",
	"aws:lb/loadBalancer:LoadBalancer":                          "=arn",
	"aws:lb/targetGroup:TargetGroup":                            "=arn",
	"aws:rds/instance:Instance":                                 "=resourceId",
	"aws:secretsmanager/secret:Secret":                          "=arn",
	"aws:sns/topic:Topic":                                       "=arn",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":   "sgr-",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "sgr-",
	"random:index/randomId:RandomId":                            "=b64Url",
	"random:index/randomPassword:RandomPassword":                "none-",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": "=bucket",
}

// arns holds the types whose ARN is not arn:partition:module:region:account:kind/name.
var arns = map[string]func(subject) string{
	"aws:acm/certificate:Certificate": func(r subject) string { return r.arn("acm", "certificate/"+uuid(r)) },
	"aws:apigateway/stage:Stage": func(r subject) string {
		return "arn:" + r.Partition + ":apigateway:" + r.Region + "::/restapis/" + r.input("restApi") + "/stages/" + r.input("stageName")
	},
	"aws:apigateway/restApi:RestApi": func(r subject) string {
		return "arn:" + r.Partition + ":apigateway:" + r.Region + "::/restapis/" + r.name
	},
	"aws:autoscaling/group:Group": func(r subject) string {
		return r.arn("autoscaling", "autoScalingGroup:"+uuid(r)+":autoScalingGroupName/"+r.name)
	},
	"aws:autoscaling/policy:Policy": func(r subject) string {
		return r.arn("autoscaling", "scalingPolicy:"+uuid(r)+":policyName/"+r.name)
	},
	"aws:appautoscaling/policy:Policy": func(r subject) string {
		return r.arn("autoscaling", "scalingPolicy:"+uuid(r)+":policyName/"+r.name)
	},
	"aws:appautoscaling/target:Target": func(r subject) string {
		return r.arn("application-autoscaling", "scalable-target/"+r.digits(32))
	},
	"aws:budgets/budget:Budget":                    func(r subject) string { return r.global("budgets", "budget/"+r.name) },
	"aws:cloudwatch/compositeAlarm:CompositeAlarm": func(r subject) string { return r.arn("cloudwatch", "alarm:"+r.name) },
	"aws:cloudwatch/dashboard:Dashboard":           func(r subject) string { return r.global("cloudwatch", "dashboard/"+r.name) },
	"aws:cloudwatch/logGroup:LogGroup":             func(r subject) string { return r.arn("logs", "log-group:"+r.name) },
	"aws:cloudwatch/metricAlarm:MetricAlarm":       func(r subject) string { return r.arn("cloudwatch", "alarm:"+r.name) },
	"aws:ec2/launchTemplate:LaunchTemplate":        func(r subject) string { return r.arn("ec2", "launch-template/lt-"+r.name) },
	"aws:ec2/securityGroup:SecurityGroup":          func(r subject) string { return r.arn("ec2", "security-group/sg-"+r.name) },
	"aws:ec2/subnet:Subnet":                        func(r subject) string { return r.arn("ec2", "subnet/subnet-"+r.name) },
	"aws:ec2/vpc:Vpc":                              func(r subject) string { return r.arn("ec2", "vpc/vpc-"+r.name) },
	"aws:ecs/service:Service": func(r subject) string {
		return r.arn("ecs", "service/"+last(r.input("cluster"), "/")+"/"+r.name)
	},
	"aws:ecs/taskDefinition:TaskDefinition": func(r subject) string {
		return r.arn("ecs", fmt.Sprintf("task-definition/%s:%d", r.name, r.version()))
	},
	"aws:efs/accessPoint:AccessPoint":         func(r subject) string { return r.arn("elasticfilesystem", "access-point/fsap-"+r.name) },
	"aws:efs/fileSystem:FileSystem":           func(r subject) string { return r.arn("elasticfilesystem", "file-system/fs-"+r.name) },
	"aws:iam/instanceProfile:InstanceProfile": func(r subject) string { return r.global("iam", "instance-profile/"+r.name) },
	"aws:iam/policy:Policy":                   func(r subject) string { return r.global("iam", "policy/"+r.name) },
	"aws:iam/role:Role":                       func(r subject) string { return r.global("iam", "role/"+r.name) },
	"aws:kms/key:Key":                         func(r subject) string { return r.arn("kms", "key/"+uuid(r)) },
	"aws:kms/alias:Alias":                     func(r subject) string { return r.arn("kms", r.name) },
	"aws:lb/loadBalancer:LoadBalancer": func(r subject) string {
		return r.arn("elasticloadbalancing", "loadbalancer/"+loadBalancerSuffix(r))
	},
	"aws:lb/listener:Listener": func(r subject) string {
		return strings.Replace(r.input("loadBalancerArn"), ":loadbalancer/", ":listener/", 1) + "/" + r.digits(16)
	},
	"aws:lb/targetGroup:TargetGroup":        func(r subject) string { return r.arn("elasticloadbalancing", targetGroupSuffix(r)) },
	"aws:rds/instance:Instance":             func(r subject) string { return r.arn("rds", "db:"+r.name) },
	"aws:rds/parameterGroup:ParameterGroup": func(r subject) string { return r.arn("rds", "pg:"+r.name) },
	"aws:rds/subnetGroup:SubnetGroup":       func(r subject) string { return r.arn("rds", "subgrp:"+r.name) },
	"aws:s3/bucketV2:BucketV2":              func(r subject) string { return "arn:" + r.Partition + ":s3:::" + r.name },
	"aws:s3/bucket:Bucket":                  func(r subject) string { return "arn:" + r.Partition + ":s3:::" + r.name },
	"aws:secretsmanager/secret:Secret": func(r subject) string {
		return r.arn("secretsmanager", "secret:"+r.name+"-"+r.digits(6))
	},
	"aws:secretsmanager/secretVersion:SecretVersion": func(r subject) string { return r.input("secretId") },
	"aws:sns/topic:Topic":                            func(r subject) string { return r.arn("sns", r.name) },
	"aws:sns/topicSubscription:TopicSubscription":    func(r subject) string { return r.input("topic") + ":" + uuid(r) },
}

// specific returns the outputs that have a special form in some types.
func specific(r subject) map[string]resource.PropertyValue {
	values := map[string]string{}
	numbers := map[string]float64{}
	switch r.typ {
	case "aws:apigateway/restApi:RestApi":
		values["executionArn"] = r.arn("execute-api", r.name)
		values["rootResourceId"] = r.digits(10)
	case "aws:apigateway/stage:Stage":
		values["executionArn"] = r.arn("execute-api", r.input("restApi")+"/"+r.input("stageName"))
		values["invokeUrl"] = "https://" + r.input("restApi") + ".execute-api." + r.Region + "." + r.DNSSuffix + "/" + r.input("stageName")
	case "aws:ec2/eip:Eip":
		values["publicIp"], values["allocationId"] = r.address(), r.id(nil)
	case "aws:ec2/launchTemplate:LaunchTemplate":
		numbers["latestVersion"], numbers["defaultVersion"] = float64(r.version()), float64(r.version())
	case "aws:ec2/natGateway:NatGateway":
		values["publicIp"], values["networkInterfaceId"] = r.address(), "eni-"+r.name
	case "aws:ec2/instance:Instance":
		values["primaryNetworkInterfaceId"] = "eni-" + r.name
	case "aws:ec2/vpc:Vpc":
		values["mainRouteTableId"], values["defaultRouteTableId"] = "rtb-main-"+r.name, "rtb-main-"+r.name
		values["defaultSecurityGroupId"], values["defaultNetworkAclId"] = "sg-default-"+r.name, "acl-default-"+r.name
	case "aws:ec2/vpcEndpoint:VpcEndpoint":
		values["prefixListId"] = "pl-" + r.name
	case "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":
		values["ownerId"] = r.AccountID
	case "aws:ecr/repository:Repository":
		values["repositoryUrl"] = r.AccountID + ".dkr.ecr." + r.Region + "." + r.DNSSuffix + "/" + r.name
		values["registryId"] = r.AccountID
	case "aws:efs/fileSystem:FileSystem":
		values["dnsName"] = "fs-" + r.name + ".efs." + r.Region + "." + r.DNSSuffix
	case "aws:iam/role:Role":
		values["uniqueId"] = "AROA" + strings.ToUpper(r.digits(16))
	case "aws:kms/key:Key":
		values["keyId"] = uuid(r)
	case "aws:lb/loadBalancer:LoadBalancer":
		values["arnSuffix"] = loadBalancerSuffix(r)
		values["dnsName"] = loadBalancerDNS(r)
		values["zoneId"] = "Z215JYRZR1TBD5"
	case "aws:lb/targetGroup:TargetGroup":
		values["arnSuffix"] = targetGroupSuffix(r)
	case "aws:rds/instance:Instance":
		// In AWS these digits depend on account and region, so a replacement has the same.
		values["address"] = r.name + "." + Digits(r.typ+"::"+r.name, 12) + "." + r.Region + ".rds." + r.DNSSuffix
		values["endpoint"] = values["address"] + ":5432"
		values["resourceId"] = "db-" + strings.ToUpper(r.digits(26))
		values["hostedZoneId"] = "Z1RLNUO7B9Q6NB"
		values["status"] = "available"
		numbers["port"] = 5432
	case "aws:route53/record:Record":
		values["fqdn"] = strings.TrimSuffix(r.name, ".")
	case "aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket":
		values["bucket"] = r.name
		values["bucketDomainName"] = r.name + ".s3." + r.DNSSuffix
		values["bucketRegionalDomainName"] = r.name + ".s3." + r.Region + "." + r.DNSSuffix
		values["region"] = r.Region
	case "aws:secretsmanager/secretVersion:SecretVersion":
		values["versionId"] = uuid(r)
	}
	out := random(r)
	if r.typ == "aws:acm/certificate:Certificate" {
		out["domainValidationOptions"] = resource.NewProperty([]resource.PropertyValue{resource.NewProperty(r.domainValidation())})
	}
	for key, value := range values {
		out[key] = text(value)
	}
	for key, value := range numbers {
		out[key] = resource.NewProperty(value)
	}
	return out
}

// domainValidation returns the record that ACM wants for a name, which is the same for every certificate of the account.
func (r subject) domainValidation() resource.PropertyMap {
	name := r.input("domainName")
	proof := "_" + Digits("record of "+name, 32) + "."
	return object(map[string]any{
		"domainName": name, "resourceRecordName": proof + name + ".", "resourceRecordType": "CNAME",
		"resourceRecordValue": proof + "acm-validations.aws.",
	})
}

// random returns the outputs of pulumi-random; secret results are marked as the provider marks them.
func random(r subject) map[string]resource.PropertyValue {
	out := map[string]resource.PropertyValue{}
	switch r.typ {
	case "random:index/randomPassword:RandomPassword":
		length := 16
		if n := r.inputs["length"]; n.IsNumber() {
			length = int(n.NumberValue())
		}
		value := strings.Repeat("made-up-"+r.digits(8), length/16+1)[:length]
		out["result"] = resource.MakeSecret(text(value))
		out["bcryptHash"] = resource.MakeSecret(text("bcrypt-" + r.digits(16)))
	case "random:index/randomId:RandomId":
		length := 8
		if n := r.inputs["byteLength"]; n.IsNumber() {
			length = int(n.NumberValue())
		}
		out["hex"] = text(r.digits(2 * length))
		out["b64Url"], out["b64Std"], out["dec"] = text("id-"+r.digits(8)), text("id+"+r.digits(8)), text("1234567890")
	}
	return out
}

// global returns an ARN without a region.
func (r subject) global(service, rest string) string {
	return "arn:" + r.Partition + ":" + service + "::" + r.AccountID + ":" + rest
}

// address returns an address of the range that RFC 2544 reserves for tests; the documentation ranges are too small for different
// addresses.
func (r subject) address() string {
	sum, _ := hex.DecodeString(r.digits(6)) // always hexadecimal
	return fmt.Sprintf("198.%d.%d.%d", 18+sum[0]%2, sum[1], sum[2])
}

func uuid(r subject) string {
	d := r.digits(32)
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}

func last(s, separator string) string { return s[strings.LastIndex(s, separator)+1:] }

func loadBalancerSuffix(r subject) string {
	if r.input("loadBalancerType") == "network" {
		return "net/" + r.name + "/" + r.digits(16)
	}
	return "app/" + r.name + "/" + r.digits(16)
}

func loadBalancerDNS(r subject) string {
	if r.input("loadBalancerType") == "network" {
		return r.name + "-" + r.digits(16) + ".elb." + r.Region + "." + r.DNSSuffix
	}
	return r.name + "-" + r.digits(10) + "." + r.Region + ".elb." + r.DNSSuffix
}

func targetGroupSuffix(r subject) string { return "targetgroup/" + r.name + "/" + r.digits(16) }
