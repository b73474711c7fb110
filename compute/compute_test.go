package compute_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

const (
	component      = "scalable-backend:compute:Compute::compute"
	balancer       = "aws:lb/loadBalancer:LoadBalancer"
	targetGroup    = "aws:lb/targetGroup:TargetGroup"
	listener       = "aws:lb/listener:Listener"
	launchTemplate = "aws:ec2/launchTemplate:LaunchTemplate"
	group          = "aws:autoscaling/group:Group"
	scalingPolicy  = "aws:autoscaling/policy:Policy"
	role           = "aws:iam/role:Role"
	iamPolicy      = "aws:iam/policy:Policy"
	attachment     = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	profile        = "aws:iam/instanceProfile:InstanceProfile"
	alarm          = "aws:cloudwatch/metricAlarm:MetricAlarm"
	logGroup       = "aws:cloudwatch/logGroup:LogGroup"
	notification   = "aws:autoscaling/notification:Notification"
	secret         = "aws:secretsmanager/secret:Secret"
	secretVersion  = "aws:secretsmanager/secretVersion:SecretVersion"
	password       = "random:index/randomPassword:RandomPassword"

	image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/backend@sha256:" +
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	databaseSecret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database"
	dataKey        = "arn:aws:kms:eu-central-1:123456789012:key/data"
	logsKey        = "arn:aws:kms:eu-central-1:123456789012:key/logs"
	topic          = "arn:aws:sns:eu-central-1:123456789012:alerts"
	repository     = "arn:aws:ecr:eu-central-1:123456789012:repository/backend"
	certificate    = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
)

// dev are the arguments of a development stack, without a certificate and with Spot.
func dev() *compute.Args {
	info := infratest.Stack()
	info.Disposable = true
	return &compute.Args{
		Stack:                              info,
		VPCID:                              pulumi.String("vpc-1"),
		PublicSubnetIDs:                    pulumi.ToStringArray([]string{"public-1", "public-2"}),
		BackendSubnetIDs:                   pulumi.ToStringArray([]string{"backend-1", "backend-2"}),
		LoadBalancerSecurityGroupID:        pulumi.String("sg-alb"),
		GatewayLoadBalancerSecurityGroupID: pulumi.String("sg-nlb"),
		BackendSecurityGroupID:             pulumi.String("sg-backend"),
		InstanceType:                       "t4g.small",
		MinSize:                            1,
		DesiredCapacity:                    1,
		MaxSize:                            3,
		Spot:                               true,
		CPUTarget:                          60,
		RequestsPerTarget:                  1000,
		StageName:                          "live",
		MetricsNamespace:                   "ScalableBackend",
		LogRetentionDays:                   14,
		Image:                              pulumi.String(image),
		RepositoryARN:                      pulumi.String(repository),
		BucketName:                         pulumi.String("data-bucket"),
		BucketARN:                          pulumi.String("arn:aws:s3:::data-bucket"),
		DataKeyARN:                         pulumi.String(dataKey),
		LogBucketName:                      pulumi.String("log-bucket"),
		LogsKeyARN:                         pulumi.String(logsKey),
		DatabaseSecretARN:                  pulumi.String(databaseSecret),
		AlarmTopicARN:                      pulumi.String(topic),
	}
}

// prod are the arguments of a stack that protects itself.
func prod() *compute.Args {
	args := dev()
	args.Stack.Disposable = false
	args.InstanceType, args.Spot, args.CertificateARN = "m7g.large", false, certificate
	args.MinSize, args.DesiredCapacity, args.MaxSize = 3, 3, 20
	args.CPUTarget, args.LogRetentionDays = 50, 365
	args.DeletionProtection, args.DetailedMonitoring, args.Notifications = true, true, true
	return args
}

func run(t *testing.T, args *compute.Args) *infratest.Graph {
	t.Helper()
	return infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := compute.New(ctx, "compute", args)
		return err
	})
}

func TestCounts(t *testing.T) {
	want := map[string]int{
		balancer: 2, targetGroup: 2, listener: 2, launchTemplate: 1, group: 1, scalingPolicy: 2, role: 1, iamPolicy: 2,
		attachment: 3, profile: 1, alarm: 3, logGroup: 1, secret: 1, secretVersion: 1, password: 1,
	}
	g := run(t, dev())
	g.RequireCounts(t, want)
	g.RequireDescend(t, component)
	g.RequireNames(t, listener, "compute-http", "compute-gateway")

	want[listener], want[notification] = 3, 1
	g = run(t, prod())
	g.RequireCounts(t, want)
	g.RequireDescend(t, component)
	g.RequireNames(t, listener, "compute-https", "compute-http", "compute-gateway")
	g.RequireNames(t, balancer, "compute-alb", "compute-nlb")
	g.RequireNames(t, targetGroup, "compute-public", "compute-gateway")
	g.RequireNames(t, iamPolicy, "compute-service", "compute-host")
	g.RequireNames(t, attachment, "compute-service", "compute-host", "compute-ssm")
	g.RequireNames(t, alarm, "compute-errors", "compute-unhealthy", "compute-gateway-unhealthy")
	g.RequireNames(t, scalingPolicy, "compute-cpu", "compute-requests")
	// Auto-naming adds a dash and seven characters to names that may have 32.
	for _, r := range append(g.OfType(balancer), g.OfType(targetGroup)...) {
		require.LessOrEqual(t, len(r.Name), 24, r.Key())
	}
}

func TestPublicDoor(t *testing.T) {
	g := run(t, prod())
	alb := g.Find(t, balancer, "compute-alb")
	require.Equal(t, "application", alb.String(t, "loadBalancerType"))
	require.False(t, alb.Bool(t, "internal"))
	require.Equal(t, []any{"public-1", "public-2"}, value(t, alb, "subnets"))
	require.Equal(t, []any{"sg-alb"}, value(t, alb, "securityGroups"))
	require.Equal(t, map[string]any{"bucket": "log-bucket", "enabled": true, "prefix": "alb"}, value(t, alb, "accessLogs"))
	require.True(t, alb.Bool(t, "dropInvalidHeaderFields"))
	require.Equal(t, "defensive", alb.String(t, "desyncMitigationMode"))
	require.True(t, alb.Bool(t, "enableDeletionProtection"))

	targets := g.Find(t, targetGroup, "compute-public")
	require.Equal(t, "HTTP", targets.String(t, "protocol"))
	require.EqualValues(t, 8080, targets.Number(t, "port"))
	require.EqualValues(t, 60, targets.Number(t, "deregistrationDelay"))
	requireHealthCheck(t, targets)

	https := g.Find(t, listener, "compute-https")
	require.Equal(t, "HTTPS", https.String(t, "protocol"))
	require.EqualValues(t, 443, https.Number(t, "port"))
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", https.String(t, "sslPolicy"))
	require.Equal(t, certificate, https.String(t, "certificateArn"))
	require.Equal(t, "forward", https.String(t, "defaultActions", 0, "type"))

	redirect := g.Find(t, listener, "compute-http")
	require.EqualValues(t, 80, redirect.Number(t, "port"))
	require.Equal(t, map[string]any{"type": "redirect", "redirect": map[string]any{
		"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301",
	}}, value(t, redirect, "defaultActions", 0))
	require.True(t, strings.HasPrefix(g.Outputs(t, component)["LoadBalancerURL"].(string), "https://"))
}

func TestPublicDoorWithoutCertificate(t *testing.T) {
	g := run(t, dev())
	http := g.Find(t, listener, "compute-http")
	require.EqualValues(t, 80, http.Number(t, "port"))
	require.Equal(t, "HTTP", http.String(t, "protocol"))
	require.Equal(t, "forward", http.String(t, "defaultActions", 0, "type"))
	require.False(t, g.Find(t, balancer, "compute-alb").Bool(t, "enableDeletionProtection"))
	require.True(t, strings.HasPrefix(g.Outputs(t, component)["LoadBalancerURL"].(string), "http://"))
}

func TestGatewayDoor(t *testing.T) {
	g := run(t, prod())
	nlb := g.Find(t, balancer, "compute-nlb")
	require.Equal(t, "network", nlb.String(t, "loadBalancerType"))
	require.True(t, nlb.Bool(t, "internal"))
	require.Equal(t, []any{"backend-1", "backend-2"}, value(t, nlb, "subnets"))
	require.Equal(t, []any{"sg-nlb"}, value(t, nlb, "securityGroups"))
	require.True(t, nlb.Bool(t, "enableCrossZoneLoadBalancing"))
	require.Equal(t, "off", nlb.String(t, "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"))
	require.True(t, nlb.Bool(t, "enableDeletionProtection"))

	targets := g.Find(t, targetGroup, "compute-gateway")
	require.Equal(t, "TCP", targets.String(t, "protocol"))
	require.EqualValues(t, 8081, targets.Number(t, "port"))
	require.EqualValues(t, 60, targets.Number(t, "deregistrationDelay"))
	requireHealthCheck(t, targets)

	tcp := g.Find(t, listener, "compute-gateway")
	require.Equal(t, "TCP", tcp.String(t, "protocol"))
	require.EqualValues(t, 8081, tcp.Number(t, "port"))
}

func requireHealthCheck(t *testing.T, targets infratest.Resource) {
	t.Helper()
	require.Equal(t, "instance", targets.String(t, "targetType"))
	require.Equal(t, map[string]any{
		"protocol": "HTTP", "path": "/healthz", "port": "traffic-port", "matcher": "200",
		"interval": 10.0, "timeout": 5.0, "healthyThreshold": 2.0, "unhealthyThreshold": 3.0,
	}, value(t, targets, "healthCheck"))
}

func TestLaunchTemplate(t *testing.T) {
	g := run(t, prod())
	lt := g.Only(t, launchTemplate)
	require.Equal(t, "m7g.large", lt.String(t, "instanceType"))
	require.Equal(t, []string{"imageId"}, lt.IgnoreChanges)
	require.Equal(t, map[string]any{
		"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1.0, "instanceMetadataTags": "disabled",
	}, value(t, lt, "metadataOptions"))
	require.Equal(t, []any{map[string]any{
		"deviceIndex": 0.0, "associatePublicIpAddress": "false", "deleteOnTermination": "true", "securityGroups": []any{"sg-backend"},
	}}, value(t, lt, "networkInterfaces"))
	require.Equal(t, []any{map[string]any{"deviceName": "/dev/xvda", "ebs": map[string]any{
		"encrypted": "true", "volumeType": "gp3", "volumeSize": 20.0, "deleteOnTermination": "true",
	}}}, value(t, lt, "blockDeviceMappings"))
	require.True(t, lt.Bool(t, "monitoring", "enabled"))
	for _, absent := range []string{"keyName", "vpcSecurityGroupIds", "instanceMarketOptions", "name"} {
		_, found := lt.Get(absent)
		require.False(t, found, absent)
	}
	for i, kind := range []string{"instance", "volume"} {
		require.Equal(t, kind, lt.String(t, "tagSpecifications", i, "resourceType"))
		require.Equal(t, map[string]any{
			"Name": "compute-instance", "project": infratest.Project, "stack": infratest.StackID, "tier": "compute", "managed-by": "pulumi",
		}, value(t, lt, "tagSpecifications", i, "tags"))
	}
	require.False(t, run(t, dev()).Only(t, launchTemplate).Bool(t, "monitoring", "enabled"))
}

func TestGivenImageReplacesTheFleetOnPurpose(t *testing.T) {
	args := prod()
	args.AMIID = "ami-0123456789abcdef0"
	lt := run(t, args).Only(t, launchTemplate)
	require.Equal(t, "ami-0123456789abcdef0", lt.String(t, "imageId"))
	require.Empty(t, lt.IgnoreChanges)
}

func TestUserDataHoldsNoSecret(t *testing.T) {
	g := run(t, dev())
	lt := g.Only(t, launchTemplate)
	require.False(t, lt.IsSecret("userData"))
	script, err := base64.StdEncoding.DecodeString(lt.String(t, "userData"))
	require.NoError(t, err)
	var token struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(g.Only(t, secretVersion).Secret(t, "secretString")), &token))
	require.NotEmpty(t, token.Token)
	require.NotContains(t, string(script), token.Token)

	environment, err := compute.ReadEnvironment(string(script))
	require.NoError(t, err)
	outputs := g.Outputs(t, component)
	require.Equal(t, compute.Environment(compute.Settings{
		Stack: infratest.StackID, Stage: "live", Region: infratest.Region, Bucket: "data-bucket",
		DatabaseSecretARN: databaseSecret, AdminTokenSecretARN: outputs["AdminTokenSecretARN"].(string),
		MetricsNamespace: "ScalableBackend",
	}), environment)
	require.Contains(t, string(script), image)
	require.Contains(t, string(script), "awslogs-group="+outputs["LogGroupName"].(string))
}

func TestGroup(t *testing.T) {
	g := run(t, prod())
	asg := g.Only(t, group)
	for key, want := range map[string]float64{
		"minSize": 3, "desiredCapacity": 3, "maxSize": 20, "minElbCapacity": 3,
		"healthCheckGracePeriod": 240, "defaultInstanceWarmup": 240,
	} {
		require.EqualValues(t, want, asg.Number(t, key), key)
	}
	require.Equal(t, []string{"desiredCapacity"}, asg.IgnoreChanges)
	require.Equal(t, "ELB", asg.String(t, "healthCheckType"))
	require.Equal(t, []any{"backend-1", "backend-2"}, value(t, asg, "vpcZoneIdentifiers"))
	require.Len(t, value(t, asg, "targetGroupArns"), 2)
	require.False(t, asg.Bool(t, "capacityRebalance"))
	require.False(t, asg.Bool(t, "forceDelete"))
	require.NotContains(t, []string{"$Latest", "$Default", ""}, asg.String(t, "launchTemplate", "version"))
	_, mixed := asg.Get("mixedInstancesPolicy")
	require.False(t, mixed)

	preferences := value(t, asg, "instanceRefresh", "preferences").(map[string]any)
	require.Equal(t, "Rolling", asg.String(t, "instanceRefresh", "strategy"))
	require.EqualValues(t, 100, preferences["minHealthyPercentage"])
	require.EqualValues(t, 110, preferences["maxHealthyPercentage"])
	require.Equal(t, false, preferences["autoRollback"])
	require.Len(t, value(t, asg, "instanceRefresh", "preferences", "alarmSpecification", "alarms"), 3)

	var keys []string
	for _, tag := range value(t, asg, "tags").([]any) {
		require.Equal(t, true, tag.(map[string]any)["propagateAtLaunch"])
		keys = append(keys, tag.(map[string]any)["key"].(string))
	}
	require.Equal(t, []string{"Name", "managed-by", "project", "stack", "tier"}, keys)
}

func TestGroupStartsWhenAllIsReady(t *testing.T) {
	g := run(t, prod())
	asg := g.Only(t, group)
	for _, want := range []string{
		attachment + "::compute-service", attachment + "::compute-host", attachment + "::compute-ssm", logGroup + "::compute-logs",
		listener + "::compute-https", listener + "::compute-http", listener + "::compute-gateway",
		alarm + "::compute-errors", alarm + "::compute-unhealthy", alarm + "::compute-gateway-unhealthy",
		launchTemplate + "::compute-instance-arm64",
	} {
		require.Contains(t, asg.DependsOn, want)
	}
	require.Contains(t, g.Only(t, launchTemplate).DependsOn, secretVersion+"::compute-admin-token")
	require.Contains(t, g.Find(t, scalingPolicy, "compute-requests").DependsOn, listener+"::compute-https")
	require.Contains(t, run(t, dev()).Find(t, scalingPolicy, "compute-requests").DependsOn, listener+"::compute-http")
}

func TestSpot(t *testing.T) {
	asg := run(t, dev()).Only(t, group)
	require.True(t, asg.Bool(t, "capacityRebalance"))
	require.True(t, asg.Bool(t, "forceDelete"))
	require.Equal(t, map[string]any{
		"onDemandBaseCapacity": 1.0, "onDemandPercentageAboveBaseCapacity": 0.0, "spotAllocationStrategy": "price-capacity-optimized",
	}, value(t, asg, "mixedInstancesPolicy", "instancesDistribution"))
	_, plain := asg.Get("launchTemplate")
	require.False(t, plain)
}

func TestIgnoreRollbackAlarms(t *testing.T) {
	args := prod()
	args.IgnoreRollbackAlarms = true
	g := run(t, args)
	_, bound := g.Only(t, group).Get("instanceRefresh", "preferences", "alarmSpecification")
	require.False(t, bound)
	require.Len(t, g.OfType(alarm), 3, "the alarms still tell people")
}

// AutoScaling publishes to the topic by its service-linked role, which the topic's key lets in.
func TestNotifications(t *testing.T) {
	n := run(t, prod()).Only(t, notification)
	require.Equal(t, topic, n.String(t, "topicArn"))
	require.ElementsMatch(t, []any{
		"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
		"autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
	}, n.Inputs["notifications"])
	require.Contains(t, n.DependsOn, group+"::compute-group")
}

func TestScaling(t *testing.T) {
	g := run(t, prod())
	cpu := g.Find(t, scalingPolicy, "compute-cpu")
	require.Equal(t, "TargetTrackingScaling", cpu.String(t, "policyType"))
	require.Equal(t, "ASGAverageCPUUtilization",
		cpu.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType"))
	require.EqualValues(t, 50, cpu.Number(t, "targetTrackingConfiguration", "targetValue"))
	requests := g.Find(t, scalingPolicy, "compute-requests")
	require.Equal(t, "ALBRequestCountPerTarget",
		requests.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "predefinedMetricType"))
	require.EqualValues(t, 1000, requests.Number(t, "targetTrackingConfiguration", "targetValue"))
	outputs := g.Outputs(t, component)
	require.Equal(t, outputs["LoadBalancerARNSuffix"].(string)+"/"+outputs["TargetGroupARNSuffix"].(string),
		requests.String(t, "targetTrackingConfiguration", "predefinedMetricSpecification", "resourceLabel"))
}

func TestAlarms(t *testing.T) {
	for _, a := range run(t, prod()).OfType(alarm) {
		require.Equal(t, []any{topic}, value(t, a, "alarmActions"), a.Name)
		require.Equal(t, []any{topic}, value(t, a, "okActions"), a.Name)
		require.Equal(t, "notBreaching", a.String(t, "treatMissingData"), a.Name)
		require.Contains(t, a.String(t, "alarmDescription"), "Runbook: docs/runbook.md#", a.Name)
		returned := 0
		for _, query := range value(t, a, "metricQueries").([]any) {
			if query.(map[string]any)["returnData"] == true {
				returned++
			}
		}
		require.Equal(t, 1, returned, a.Name)
	}
}

func TestRole(t *testing.T) {
	g := run(t, prod())
	r := g.Only(t, role)
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Service":["ec2.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`, r.String(t, "assumeRolePolicy"))
	for _, exclusive := range []string{"managedPolicyArns", "inlinePolicies"} {
		_, found := r.Get(exclusive)
		require.False(t, found, exclusive)
	}
	require.Equal(t, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
		g.Find(t, attachment, "compute-ssm").String(t, "policyArn"))

	service := statements(t, g.Find(t, iamPolicy, "compute-service"))
	require.Equal(t, []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload",
		"s3:ListMultipartUploadParts", "s3:DeleteObjectVersion"}, service["Objects"].Action)
	require.Equal(t, []string{"arn:aws:s3:::data-bucket/*"}, service["Objects"].Resource)
	require.Equal(t, []string{"s3:ListBucket"}, service["Bucket"].Action)
	require.Equal(t, []string{"arn:aws:s3:::data-bucket"}, service["Bucket"].Resource)
	require.Equal(t, []string{"secretsmanager:GetSecretValue"}, service["Secrets"].Action)
	require.Equal(t, []string{databaseSecret, g.Outputs(t, component)["AdminTokenSecretARN"].(string)}, service["Secrets"].Resource)
	require.Equal(t, []string{"kms:Decrypt", "kms:GenerateDataKey"}, service["DataKey"].Action)
	require.Equal(t, []string{dataKey}, service["DataKey"].Resource)
	require.Equal(t, map[string]map[string][]string{"StringEquals": {"kms:ViaService": {
		"s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"}}}, service["DataKey"].Condition)
	require.Len(t, service, 4)

	host := statements(t, g.Find(t, iamPolicy, "compute-host"))
	require.Equal(t, []string{repository}, host["PullImage"].Resource)
	require.Equal(t, []string{"ecr:GetAuthorizationToken"}, host["RegistryLogin"].Action)
	require.Equal(t, []string{"logs:CreateLogStream", "logs:PutLogEvents"}, host["Logs"].Action)
	require.Len(t, host["Logs"].Resource, 1)
	require.True(t, strings.HasSuffix(host["Logs"].Resource[0], ":*"))
	require.Equal(t, map[string]map[string][]string{"StringEquals": {"cloudwatch:namespace": {"ScalableBackend"}}}, host["Metrics"].Condition)
	require.Len(t, host, 4)
	for sid, s := range host {
		if slices.Contains(s.Resource, "*") {
			require.Contains(t, []string{"RegistryLogin", "Metrics"}, sid)
		}
	}
}

func TestAdminToken(t *testing.T) {
	g := run(t, dev())
	p := g.Only(t, password)
	require.EqualValues(t, 48, p.Number(t, "length"))
	require.False(t, p.Bool(t, "special"))
	require.Equal(t, dataKey, g.Only(t, secret).String(t, "kmsKeyId"))
	require.EqualValues(t, 0, g.Only(t, secret).Number(t, "recoveryWindowInDays"))
	require.True(t, g.Only(t, secretVersion).IsSecret("secretString"))
	require.EqualValues(t, 30, run(t, prod()).Only(t, secret).Number(t, "recoveryWindowInDays"))
}

func TestLogGroup(t *testing.T) {
	logs := run(t, prod()).Only(t, logGroup)
	require.EqualValues(t, 365, logs.Number(t, "retentionInDays"))
	require.Equal(t, logsKey, logs.String(t, "kmsKeyId"))
}

func TestNothingIsProtected(t *testing.T) {
	for _, r := range run(t, prod()).Resources {
		require.False(t, r.Protect, r.Key())
		require.False(t, r.RetainOnDelete, r.Key())
	}
}

func TestArgsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*compute.Args)
		want  string
	}{
		"instance type":  {func(a *compute.Args) { a.InstanceType = "big" }, "compute.Args.InstanceType"},
		"max below min":  {func(a *compute.Args) { a.MaxSize = 0 }, "compute.Args.MinSize: want 1 <= min <= desired <= max, got 1, 1, 0"},
		"target":         {func(a *compute.Args) { a.CPUTarget = 100 }, "compute.Args.CPUTarget: want 10..90 percent, got 100"},
		"requests":       {func(a *compute.Args) { a.RequestsPerTarget = 0 }, "compute.Args.RequestsPerTarget"},
		"stage":          {func(a *compute.Args) { a.StageName = "" }, "compute.Args.StageName"},
		"missing subnet": {func(a *compute.Args) { a.BackendSubnetIDs = nil }, "compute.Args.BackendSubnetIDs: want a value, got nil"},
		"missing secret": {func(a *compute.Args) { a.DatabaseSecretARN = nil }, "compute.Args.DatabaseSecretARN: want a value, got nil"},
	} {
		t.Run(name, func(t *testing.T) {
			args := dev()
			c.spoil(args)
			err := infratest.RunError(t, func(ctx *pulumi.Context) error {
				_, err := compute.New(ctx, "compute", args)
				return err
			})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A tag instead of a digest is known only when the image is, and still fails the deployment.
func TestImageByTagFails(t *testing.T) {
	args := dev()
	args.Image = pulumi.String("123456789012.dkr.ecr.eu-central-1.amazonaws.com/backend:latest")
	err := infratest.RunError(t, func(ctx *pulumi.Context) error {
		_, err := compute.New(ctx, "compute", args)
		return err
	})
	require.ErrorContains(t, err, "want host/repository@sha256:digest")
}

func value(t *testing.T, r infratest.Resource, path ...any) any {
	t.Helper()
	v, ok := r.Get(path...)
	require.True(t, ok, "%s has no input %v", r.Key(), path)
	return v
}

// statements are a policy's, by Sid.
func statements(t *testing.T, r infratest.Resource) map[string]policy.ResolvedStatement {
	t.Helper()
	var document policy.Document
	require.NoError(t, json.Unmarshal([]byte(r.String(t, "policy")), &document))
	require.Equal(t, policy.Version, document.Version)
	out := map[string]policy.ResolvedStatement{}
	for _, s := range document.Statement {
		require.Equal(t, policy.Allow, s.Effect)
		out[s.Sid] = s
	}
	return out
}
