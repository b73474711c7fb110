package main

// service is what a stack has of one of AWS's services.
type service struct {
	prefix string   // of its actions
	reads  []string // actions that a refresh of its resources calls, and nothing that returns data of users
	global bool     // its calls count as us-east-1's, whatever the stack's region
}

// services are those of the types that the program registers; a test wants every type's calls to be allowed. The resources of iam, s3, kms
// and secretsmanager have names or tags to go by, so they are not here but in permissions.go, where deployments get no more than those.
var services = []service{
	{"acm", []string{"DescribeCertificate", "ListTagsForCertificate"}, false},
	{"apigateway", []string{"GET"}, false},
	{"application-autoscaling", []string{"Describe*", "ListTagsForResource"}, false},
	{"autoscaling", []string{"Describe*"}, false},
	{"budgets", []string{"ViewBudget", "ListTagsForResource"}, true},
	{"cloudwatch", []string{"Describe*", "GetDashboard", "ListTagsForResource"}, false},
	{"config", []string{"Describe*", "ListTagsForResource"}, false},
	{"ec2", []string{"Describe*"}, false},
	{"ecr", []string{
		"BatchGetImage", "DescribeImages", "DescribeRepositories", "GetAuthorizationToken", "GetLifecyclePolicy", "ListTagsForResource",
	}, false},
	{"ecs", []string{"Describe*", "ListTagsForResource"}, false},
	{"elasticfilesystem", []string{"Describe*", "ListTagsForResource"}, false},
	{"elasticloadbalancing", []string{"Describe*"}, false},
	{"events", []string{"DescribeRule", "ListTagsForResource", "ListTargetsByRule"}, false},
	{"guardduty", []string{"GetDetector", "ListTagsForResource"}, false},
	{"inspector2", []string{"BatchGetAccountStatus"}, false},
	{"logs", []string{"DescribeLogGroups", "ListTagsForResource"}, false},
	{"rds", []string{"Describe*", "ListTagsForResource"}, false},
	{"route53", []string{"GetChange", "GetHostedZone", "ListResourceRecordSets", "ListTagsForResource"}, true},
	{"servicequotas", []string{"GetServiceQuota"}, false},
	{"sns", []string{"GetSubscriptionAttributes", "GetTopicAttributes", "ListTagsForResource"}, false},
	{"wafv2", []string{"Get*", "ListTagsForResource"}, false},
}

// namedReads are the same for the services whose resources have names to go by.
var namedReads = map[string][]string{
	"iam": {
		"iam:GetInstanceProfile", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:ListAttachedRolePolicies",
		"iam:ListInstanceProfilesForRole", "iam:ListPolicyVersions", "iam:ListRolePolicies",
	},
	"s3": {
		"s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
		"s3:GetMetricsConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
	},
	"secretsmanager": {"secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds"},
}

// lookups are what the program asks before it plans: a preview without refresh calls nothing else.
var lookups = []string{
	"ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones", "ec2:DescribeImages", "ec2:DescribeVpcs",
	"ecr:GetAuthorizationToken",
	"rds:DescribeDBInstances", "rds:ListTagsForResource",
	"route53:GetHostedZone", "route53:ListTagsForResource",
	"servicequotas:GetServiceQuota",
	"sts:GetCallerIdentity",
}

// tiers begin the names of a stack's roles, policies, secrets, buckets and aliases: Pulumi names them after the resources.
var tiers = []string{"api", "compute", "database", "fargate", "monitoring", "network", "storage"}

// trusted are the services that get a role of a stack.
var trusted = []string{
	"apigateway.amazonaws.com", "config.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com",
	"vpc-flow-logs.amazonaws.com",
}
