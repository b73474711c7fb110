package compute_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/internal/infratest"
)

const (
	componentKey   = compute.Token + "::compute"
	balancer       = "aws:lb/loadBalancer:LoadBalancer"
	targetGroup    = "aws:lb/targetGroup:TargetGroup"
	listener       = "aws:lb/listener:Listener"
	launchTemplate = "aws:ec2/launchTemplate:LaunchTemplate"
	machineImage   = "aws:ec2/amiCopy:AmiCopy"
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
	domain         = "backend.example.org"
	certificate    = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
)

// dev returns the arguments of a development stack, without a certificate and with Spot.
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
		Program:                            compute.DefaultProgram(),
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
		AccessLogPrefix:                    "alb",
	}
}

// prod returns the arguments of a production stack.
func prod() *compute.Args {
	args := dev()
	args.Stack.Disposable = false
	args.InstanceType, args.Spot = "m7g.large", false
	args.DomainName, args.CertificateARN = domain, certificate
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
		attachment: 3, profile: 1, alarm: 3, machineImage: 1, logGroup: 1, secret: 1, secretVersion: 1, password: 1,
	}
	g := run(t, dev())
	g.RequireCounts(t, want)
	g.RequireDescend(t, componentKey)
	g.RequireNames(t, listener, "compute-http", "compute-gateway")

	want[listener], want[notification] = 3, 1
	g = run(t, prod())
	g.RequireCounts(t, want)
	g.RequireDescend(t, componentKey)
	g.RequireNames(t, listener, "compute-https", "compute-http", "compute-gateway")
	g.RequireNames(t, balancer, "compute-alb", "compute-nlb")
	g.RequireNames(t, targetGroup, "compute-public", "compute-gateway")
	g.RequireNames(t, iamPolicy, "compute-service", "compute-host")
	g.RequireNames(t, attachment, "compute-service", "compute-host", "compute-ssm")
	g.RequireNames(t, alarm, "compute-errors", "compute-unhealthy", "compute-gateway-unhealthy")
	g.RequireNames(t, scalingPolicy, "compute-cpu", "compute-requests")
	// Auto-naming adds a dash and seven characters, and names have at most 32.
	for _, r := range append(g.OfType(balancer), g.OfType(targetGroup)...) {
		require.LessOrEqual(t, len(r.Name), 24, r.Key())
	}
}

func TestLaunchTemplate(t *testing.T) {
	g := run(t, prod())
	lt := g.Only(t, launchTemplate)
	require.Equal(t, "m7g.large", lt.String(t, "instanceType"))
	require.Empty(t, lt.IgnoreChanges)
	require.NotContains(t, lt.Inputs, "creditSpecification")
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
			"Name": "compute-instance", "project": infratest.Project, "stack": infratest.StackID,
			"deployment": "scalable-backend-test", "tier": "compute", "managed-by": "pulumi",
		}, value(t, lt, "tagSpecifications", i, "tags"))
	}
	require.False(t, run(t, dev()).Only(t, launchTemplate).Bool(t, "monitoring", "enabled"))
}

func TestObjectsAreKept(t *testing.T) {
	args := dev()
	args.KeepObjects = true
	script, err := base64.StdEncoding.DecodeString(run(t, args).Only(t, launchTemplate).String(t, "userData"))
	require.NoError(t, err)
	environment, err := compute.ReadEnvironment(string(script))
	require.NoError(t, err)
	require.Equal(t, "0", environment["BACKEND_BUCKET_SWEEP_INTERVAL"])
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
	outputs := g.Outputs(t, componentKey)
	require.Equal(t, compute.Environment(compute.Settings{
		Stack: infratest.StackID, Stage: "live", Region: infratest.Region, Bucket: "data-bucket",
		DatabaseSecretARN: databaseSecret, AdminTokenSecretARN: outputs["AdminTokenSecretARN"].(string),
		MetricsNamespace: "ScalableBackend", Program: compute.DefaultProgram(),
	}), environment)
	require.Contains(t, string(script), image)
	require.Contains(t, string(script), "awslogs-group="+outputs["LogGroupName"].(string))
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
		"instance type": {func(a *compute.Args) { a.InstanceType = "big" }, "compute.Args.InstanceType"},
		"max below min": {func(a *compute.Args) { a.MaxSize = 0 },
			"compute.Args.MinSize, DesiredCapacity, MaxSize: want 1 <= min <= desired <= max, got [1 1 0]"},
		"target":   {func(a *compute.Args) { a.CPUTarget = 100 }, "compute.Args.CPUTarget: want 10..90, got 100"},
		"requests": {func(a *compute.Args) { a.RequestsPerTarget = 0 }, "compute.Args.RequestsPerTarget"},
		"zone without a name": {func(a *compute.Args) { a.HostedZoneID = "Z1" },
			"compute.Args.DomainName: want the name to make in the hosted zone, got \"\""},
		"name in capitals": {func(a *compute.Args) { a.DomainName = "Backend.example.org" }, "compute.Args.DomainName: domain name"},
		"stage":            {func(a *compute.Args) { a.StageName = "" }, "compute.Args.StageName"},
		"missing subnet":   {func(a *compute.Args) { a.BackendSubnetIDs = nil }, "compute.Args.BackendSubnetIDs: want a value, got nil"},
		"missing secret":   {func(a *compute.Args) { a.DatabaseSecretARN = nil }, "compute.Args.DatabaseSecretARN: want a value, got nil"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, dev(), c.spoil, c.want)
		})
	}
}

// refused requires an error for arguments that spoil has changed.
func refused(t *testing.T, args *compute.Args, spoil func(*compute.Args), want string) {
	t.Helper()
	changed := *args
	spoil(&changed)
	err := infratest.RunError(t, func(ctx *pulumi.Context) error {
		_, err := compute.New(ctx, "compute", &changed)
		return err
	})
	require.ErrorContains(t, err, want)
}

// An image with a tag instead of a digest fails the deployment, even if the image is an output that is known only later.
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
