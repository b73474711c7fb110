package proof

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// readiness is a rule: resources of these types begin after the resources that they need.
type readiness struct {
	name  string
	of    []string
	needs func(o *ordering, r plan.Resource) []plan.Resource
	least int // the least number of pairs that it applies to, with every option on
}

// ofType returns the resources of some types whose names begin with a prefix.
func ofType(prefix string, tokens ...string) func(*ordering, plan.Resource) []plan.Resource {
	return func(o *ordering, _ plan.Resource) []plan.Resource {
		var found []plan.Resource
		for _, token := range tokens {
			found = append(found, named(o.Graph, token, prefix)...)
		}
		return found
	}
}

// where returns the resources of a type that have a value in an input.
func (o *ordering) where(token, input string, value any) []plan.Resource {
	return slices.DeleteFunc(o.OfType(token), func(r plan.Resource) bool { v, ok := r.Revealed(input); return !ok || v != value })
}

const (
	logGroupType   = "aws:cloudwatch/logGroup:LogGroup"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	listenerType   = "aws:lb/listener:Listener"
	subnetType     = "aws:ec2/subnet:Subnet"
	joinedType     = "aws:ec2/routeTableAssociation:RouteTableAssociation"
	bucketType     = "aws:s3/bucketV2:BucketV2"
	bucketPolicy   = "aws:s3/bucketPolicy:BucketPolicy"
	alarmType      = "aws:cloudwatch/metricAlarm:MetricAlarm"
	stageType      = "aws:apigateway/stage:Stage"
	secretType     = "aws:secretsmanager/secretVersion:SecretVersion"
	templateType   = "aws:ec2/launchTemplate:LaunchTemplate"
	taskType       = "aws:ecs/taskDefinition:TaskDefinition"
)

var readinessRules = []readiness{
	{"instances start after their role has its policies", []string{fleetType}, ofType("compute-", attachmentType), 3},
	{"agents start after their roles have their policies", []string{agentsType}, ofType("fargate-", attachmentType), 2},
	{"flow logs begin after their role has its policies", []string{"aws:ec2/flowLog:FlowLog"}, ofType("network-", attachmentType), 1},
	{"the database's monitoring role has its policies", []string{databaseType}, ofType("database-", attachmentType), 0},
	{"API Gateway's logging role has its policies", []string{"aws:apigateway/account:Account"}, ofType("api-", attachmentType), 1},
	{"AWS Config's role has its policies", []string{"aws:cfg/recorder:Recorder"}, ofType("monitoring-", attachmentType), 1},

	{"instances write to the program's log group", []string{fleetType}, ofType("compute-", logGroupType), 1},
	{"agents write to the program's log groups", []string{agentsType}, ofType("fargate-", logGroupType), 1},
	{"flow logs have their log group", []string{"aws:ec2/flowLog:FlowLog"}, ofType("network-", logGroupType), 1},
	{"databases write to the program's log groups", []string{databaseType}, exportedLogs, 4},
	{"the stage writes to the program's log groups", []string{stageType}, ofType("api-", logGroupType), 2},
	{"the web ACL writes to the program's log group", []string{"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"},
		ofType("monitoring-", logGroupType), 1},
	{"log groups have their key", []string{logGroupType}, ofType("storage-logs", "aws:kms/key:Key"), 6},

	{"the load balancer may write its access log", []string{balancerType}, accessLogPolicy, 1},
	{"the log bucket's policy allows access logs", []string{"aws:s3/bucketLoggingV2:BucketLoggingV2"},
		ofType("storage-logs", bucketPolicy), 1},
	{"public access is blocked before a policy", []string{bucketPolicy}, sameBucket("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"),
		3},
	{"versioning before lifecycle rules for old versions", []string{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"},
		sameBucket("aws:s3/bucketVersioningV2:BucketVersioningV2"), 2},
	{"the data bucket is configured before instances use it", []string{templateType}, ofType("storage-data", finishedBucket...), 3},
	{"the data bucket is configured before agents use it", []string{taskType}, ofType("storage-data", finishedBucket...), 3},
	{"AWS Config may write to its bucket", []string{"aws:cfg/deliveryChannel:DeliveryChannel"}, ofType("monitoring-config", bucketPolicy), 1},

	{"secrets have values before instances read them", []string{templateType}, ofType("", secretType), 2},
	{"the database exists before instances connect to it", []string{templateType, fleetType}, ofType("database-instance", databaseType), 2},
	{"images are pushed before instances pull them", []string{templateType},
		ofType("images-backend", "awsx:ecr:Image", "docker-build:index:Image"), 2},
	{"images are pushed before agents pull them", []string{taskType}, ofType("images-agent", "awsx:ecr:Image", "docker-build:index:Image"), 2},

	{"the load balancers listen before the group starts", []string{fleetType}, ofType("compute-", listenerType), 2},
	{"the VPC link's load balancer has a listener", []string{"aws:apigateway/vpcLink:VpcLink"}, ofType("compute-gateway", listenerType), 1},
	{"requests per target need a listener", []string{"aws:autoscaling/policy:Policy"}, forwarding, 1},
	{"alarms that stop a refresh exist before it", []string{fleetType}, guards, 3},
	{"alarms that stop a deployment exist before it", []string{agentsType}, ofType("fargate-agents-missing", alarmType), 1},

	{"the API is deployed before agents start", []string{agentsType}, ofType("", stageType), 1},
	{"the account's logging role is set before stages log", []string{stageType}, ofType("", "aws:apigateway/account:Account"), 1},
	{"stage and load balancer before the web ACL", []string{"aws:wafv2/webAclAssociation:WebAclAssociation"}, associated, 2},
	{"capacity providers before the service", []string{agentsType}, ofType("", "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"),
		1},
	{"the file system is ready to mount", []string{agentsType, "aws:ecs/taskDefinition:TaskDefinition"},
		ofType("", "aws:efs/mountTarget:MountTarget", "aws:efs/fileSystemPolicy:FileSystemPolicy", "aws:efs/accessPoint:AccessPoint"), 4},
	{"a service before its scaling", []string{"aws:appautoscaling/target:Target"}, ofType("", agentsType), 1},

	{"the topic's policy before publishers", []string{alarmType, "aws:rds/eventSubscription:EventSubscription", "aws:budgets/budget:Budget",
		"aws:cloudwatch/eventTarget:EventTarget"},
		ofType("", "aws:sns/topicPolicy:TopicPolicy"), 20},
	{"the internet gateway before addresses", []string{"aws:ec2/eip:Eip"}, ofType("", "aws:ec2/internetGateway:InternetGateway"), 1},
	{"the recorder before its channel", []string{"aws:cfg/deliveryChannel:DeliveryChannel"}, ofType("", "aws:cfg/recorder:Recorder"), 1},
	{"the channel before the recorder starts", []string{"aws:cfg/recorderStatus:RecorderStatus"},
		ofType("", "aws:cfg/deliveryChannel:DeliveryChannel"), 1},
}

var finishedBucket = []string{
	bucketPolicy, "aws:s3/bucketVersioningV2:BucketVersioningV2",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
}

// exportedLogs returns the log groups whose names RDS derives from the database's identifier.
func exportedLogs(o *ordering, r plan.Resource) []plan.Resource {
	return slices.DeleteFunc(o.OfType(logGroupType), func(g plan.Resource) bool {
		name, _ := g.State["name"].(string)
		return !strings.HasPrefix(name, "/aws/rds/instance/"+r.Inputs["identifier"].(string)+"/")
	})
}

func guards(o *ordering, r plan.Resource) []plan.Resource {
	names, _ := r.Revealed("instanceRefresh", "preferences", "alarmSpecification", "alarms")
	return slices.DeleteFunc(o.OfType(alarmType), func(alarm plan.Resource) bool {
		list, _ := names.([]any)
		return !slices.Contains(list, alarm.State["name"])
	})
}

func accessLogPolicy(o *ordering, r plan.Resource) []plan.Resource {
	bucket, ok := r.Revealed("accessLogs", "bucket")
	if !ok {
		return nil
	}
	return o.where(bucketPolicy, "bucket", bucket)
}

func sameBucket(token string) func(*ordering, plan.Resource) []plan.Resource {
	return func(o *ordering, r plan.Resource) []plan.Resource {
		bucket, _ := r.Revealed("bucket")
		return o.where(token, "bucket", bucket)
	}
}

func forwarding(o *ordering, r plan.Resource) []plan.Resource {
	if kind, _ := r.Revealed("targetTrackingConfiguration", "predefinedMetricSpecification",
		"predefinedMetricType"); kind != "ALBRequestCountPerTarget" {
		return nil
	}
	return slices.DeleteFunc(named(o.Graph, listenerType, "compute-http"), func(l plan.Resource) bool {
		_, forwards := l.Revealed("defaultActions", 0, "targetGroupArn")
		return !forwards
	})
}

func associated(o *ordering, r plan.Resource) []plan.Resource {
	return slices.DeleteFunc(slices.Concat(o.OfType(stageType), o.OfType(balancerType)), func(target plan.Resource) bool {
		return target.State["arn"] != r.Inputs["resourceArn"]
	})
}

// With every option on, each rule applies to some resources. A rule that applies to none could never fail.
func TestOrderRulesApply(t *testing.T) {
	t.Parallel()
	everything := variant{stack: "dev", overrides: map[string]string{
		"network.nat": "instance", "fargate.persistentStorage": "true", "network.interfaceEndpoints[0]": "ssm",
		"compute.allowedCidrs[0]": "203.0.113.0/24",
		"monitoring.waf":          "true", "monitoring.guardDuty": "true", "monitoring.awsConfig": "true", "monitoring.inspector": "true",
		"monitoring.alertEmails[0]": "ops@example.com", "database.replicas": "1",
	}}
	o := order(everything.plan(t))
	for _, c := range orderChecks {
		t.Run(c.name, func(t *testing.T) { c.test(t, o) })
	}
	for _, rule := range readinessRules {
		pairs := 0
		for _, token := range rule.of {
			for _, r := range o.OfType(token) {
				pairs += len(rule.needs(o, r))
			}
		}
		require.GreaterOrEqual(t, pairs, rule.least, rule.name)
	}
}

// Resources begin after those that they need. A rule must cover every log group, role policy, secret, listener and bucket
// policy.
func readinessRulesHold(t *testing.T, o *ordering) {
	covered := map[string]bool{}
	for _, rule := range readinessRules {
		for _, token := range rule.of {
			for _, r := range o.OfType(token) {
				for _, earlier := range rule.needs(o, r) {
					covered[earlier.Key()] = true
					assert.True(t, o.after(r, earlier), "%s: %s does not wait for %s", rule.name, r.Key(), earlier.Key())
				}
			}
		}
	}
	for _, token := range []string{logGroupType, attachmentType, secretType, listenerType, bucketPolicy} {
		for _, r := range o.OfType(token) {
			assert.True(t, covered[r.Key()], "no readiness rule covers %s", r.Key())
		}
	}
}

// Resources in a subnet must wait for its route table association and for the table's routes. Instances and tasks must also
// wait for the S3 endpoint: otherwise their first downloads go through the NAT.
func routesExistBeforeUse(t *testing.T, o *ordering) {
	// These send no traffic by themselves.
	passive := []string{joinedType, endpointType}
	checked := 0
	for _, s := range o.OfType(subnetType) {
		for _, r := range o.mentioning(s.ID) {
			if slices.Contains(passive, r.Type) {
				continue
			}
			joined := o.where(joinedType, "subnetId", s.ID)
			require.Len(t, joined, 1)
			needed := append(joined, o.where(routeType, "routeTableId", joined[0].Inputs["routeTableId"])...)
			if r.Type == fleetType || r.Type == agentsType {
				needed = append(needed, named(o.Graph, endpointType, "network-s3")...)
				require.Len(t, needed, 3, r.Key())
			}
			for _, earlier := range needed {
				checked++
				assert.True(t, o.after(r, earlier), "%s does not wait for %s", r.Key(), earlier.Key())
			}
		}
	}
	least := 20
	if len(o.OfType(agentsType)) == 0 {
		least = 12
	}
	require.Greater(t, checked, least)
}

// Resources in a security group must wait for the group's rules: otherwise an instance boots before it may reach the NAT.
func groupRulesExistBeforeUse(t *testing.T, o *ordering) {
	checked := 0
	for _, g := range o.OfType("aws:ec2/securityGroup:SecurityGroup") {
		rules := slices.Concat(o.where(ingressType, "securityGroupId", g.ID), o.where(egressType, "securityGroupId", g.ID))
		for _, r := range o.mentioning(g.ID) {
			for _, rule := range rules {
				if strings.HasPrefix(r.Type, "aws:vpc/") || rule.Type == ingressType && g.Name == "network-load-balancer" {
					continue // the public load balancer can start before users may reach it
				}
				checked++
				assert.True(t, o.after(r, rule), "%s does not wait for %s", r.Key(), rule.Key())
			}
		}
	}
	least := 8
	if len(o.OfType(agentsType)) == 0 {
		least = 7
	}
	require.GreaterOrEqual(t, checked, least)
}
