package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

const (
	restType       = "aws:apigateway/restApi:RestApi"
	linkType       = "aws:apigateway/vpcLink:VpcLink"
	deploymentType = "aws:apigateway/deployment:Deployment"
	stageType      = "aws:apigateway/stage:Stage"
	settingsType   = "aws:apigateway/methodSettings:MethodSettings"
	accountType    = "aws:apigateway/account:Account"
	logGroupType   = "aws:cloudwatch/logGroup:LogGroup"
	roleType       = "aws:iam/role:Role"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

	nlb     = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/gateway/0123456789abcdef"
	logsKey = "arn:aws:kms:eu-central-1:123456789012:key/logs"
)

func testArgs(t testing.TB) *Args {
	return &Args{
		Stack: infratest.Stack(), Document: testDocument(t), StageName: "live",
		LoadBalancerARN: pulumi.String(nlb), LoadBalancerDNSName: pulumi.String("gateway.elb.eu-central-1.amazonaws.com"), Port: 8081,
		ThrottleRate: 1000, ThrottleBurst: 2000, ManageAccountLogging: true, Tracing: true, LogRetentionDays: 365,
		LogsKeyARN: pulumi.String(logsKey),
	}
}

func record(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "api", args)
		return err
	})
	g.RequireDescend(t, Token+"::api")
	return g
}

func TestGraph(t *testing.T) {
	g := record(t, testArgs(t))
	g.RequireCounts(t, map[string]int{
		restType: 1, linkType: 1, deploymentType: 1, stageType: 1, settingsType: 1,
		accountType: 1, logGroupType: 2, roleType: 1, attachmentType: 1,
	})
	g.RequireNames(t, restType, "api-rest")
	assert.Equal(t, nlb, g.Find(t, linkType, "api-vpc-link").String(t, "targetArn"))

	rest := g.Only(t, restType)
	assert.Equal(t, map[string]any{"types": "REGIONAL"}, rest.Inputs["endpointConfiguration"])
	assert.False(t, rest.Bool(t, "disableExecuteApiEndpoint"))
	assert.Equal(t, []any{"application/gzip", "application/octet-stream"}, rest.Inputs["binaryMediaTypes"])
	want, err := testDocument(t).Project(ProjectOptions{
		BackendURL: "http://gateway.elb.eu-central-1.amazonaws.com:8081", ConnectionID: "vpclink-api-vpc-link",
	})
	require.NoError(t, err)
	assert.Equal(t, string(want), rest.String(t, "body"))

	stage := g.Find(t, stageType, "api-stage")
	assert.Equal(t, "live", stage.String(t, "stageName"))
	assert.True(t, stage.Bool(t, "xrayTracingEnabled"))
	assert.Regexp(t, `^arn:aws:logs:eu-central-1:123456789012:log-group:api-access-log`,
		stage.String(t, "accessLogSettings", "destinationArn"))
	var format map[string]string
	require.NoError(t, json.Unmarshal([]byte(stage.String(t, "accessLogSettings", "format")), &format))
	assert.Equal(t, "$context.identity.userArn", format["caller"])
	assert.Equal(t, "$context.requestId", format["requestId"])

	settings := g.Find(t, settingsType, "api-settings")
	assert.Equal(t, "*/*", settings.String(t, "methodPath"))
	assert.Equal(t, map[string]any{
		"loggingLevel": "ERROR", "dataTraceEnabled": false, "metricsEnabled": true, "cachingEnabled": false,
		"throttlingRateLimit": 1000.0, "throttlingBurstLimit": 2000.0,
	}, settings.Inputs["settings"])
}

// A deployment is a snapshot of the API, so a changed document must trigger a new one.
func TestDeploymentFollowsTheDocument(t *testing.T) {
	g := record(t, testArgs(t))
	sum := sha256.Sum256([]byte(g.Only(t, restType).String(t, "body")))
	assert.Equal(t, hex.EncodeToString(sum[:]), g.Only(t, deploymentType).String(t, "triggers", "document"))
	assert.Contains(t, g.Only(t, deploymentType).DependsOn, restType+"::api-rest")
}

func TestLogs(t *testing.T) {
	g := record(t, testArgs(t))
	g.RequireNames(t, logGroupType, "api-access-log", "api-execution-log")
	for _, group := range g.OfType(logGroupType) {
		assert.Equal(t, 365.0, group.Number(t, "retentionInDays"))
		assert.Equal(t, logsKey, group.String(t, "kmsKeyId"))
	}
	id := g.Only(t, stageType).String(t, "restApi")
	assert.Equal(t, "API-Gateway-Execution-Logs_"+id+"/live", g.Find(t, logGroupType, "api-execution-log").String(t, "name"))
	for _, want := range []string{
		logGroupType + "::api-execution-log", logGroupType + "::api-access-log", accountType + "::api-account",
	} {
		assert.Contains(t, g.Only(t, stageType).DependsOn, want)
	}
}

// The region's logging setting and its role stay when the stack is destroyed; without the option neither is created.
func TestAccountLogging(t *testing.T) {
	g := record(t, testArgs(t))
	for _, token := range []string{accountType, roleType, attachmentType} {
		assert.True(t, g.Only(t, token).RetainOnDelete, token)
	}
	trust := g.Only(t, roleType).String(t, "assumeRolePolicy")
	assert.Contains(t, trust, `"Service":["apigateway.amazonaws.com"]`)
	assert.NotContains(t, trust, "Condition")
	assert.Equal(t, "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
		g.Only(t, attachmentType).String(t, "policyArn"))
	assert.Contains(t, g.Only(t, accountType).DependsOn, attachmentType+"::api-logging-policy")

	args := testArgs(t)
	args.ManageAccountLogging, args.Tracing = false, false
	g = record(t, args)
	g.RequireCounts(t, map[string]int{restType: 1, linkType: 1, deploymentType: 1, stageType: 1, settingsType: 1, logGroupType: 2})
	assert.False(t, g.Only(t, stageType).Bool(t, "xrayTracingEnabled"))
}

func TestOutputs(t *testing.T) {
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		a, err := New(ctx, "api", testArgs(t))
		if err != nil {
			return err
		}
		id := infratest.Value[string](t, a.RestAPIID)
		assert.Equal(t, "https://"+id+".execute-api.eu-central-1.amazonaws.com/live", infratest.Value[string](t, a.URL))
		execution := "arn:aws:execute-api:eu-central-1:123456789012:" + id
		assert.Equal(t, execution, infratest.Value[string](t, a.ExecutionARN))
		assert.Equal(t, []string{execution + "/live/GET/v1/things/*/parts/*", execution + "/live/POST/v1/work"},
			infratest.Value[[]string](t, a.AgentMethodARNs))
		assert.Equal(t, "live", infratest.Value[string](t, a.StageName))
		_, err = cloudwatch.NewLogGroup(ctx, "consumer", &cloudwatch.LogGroupArgs{Name: a.URL})
		return err
	})
	assert.Contains(t, g.Find(t, logGroupType, "consumer").DependsOn, stageType+"::api-stage", "the URL must carry the stage")
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(*Args){
		"LoadBalancerARN":  func(a *Args) { a.LoadBalancerARN = nil },
		"LogsKeyARN":       func(a *Args) { a.LogsKeyARN = nil },
		"StageName":        func(a *Args) { a.StageName = "a b" },
		"Port":             func(a *Args) { a.Port = 0 },
		"ThrottleRate":     func(a *Args) { a.ThrottleRate = 0 },
		"ThrottleBurst":    func(a *Args) { a.ThrottleBurst = 0 },
		"LogRetentionDays": func(a *Args) { a.LogRetentionDays = 0 },
		"Document":         func(a *Args) { a.Document = nil },
	} {
		args := testArgs(t)
		change(args)
		err := infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := New(ctx, "api", args)
			return err
		})
		assert.ErrorContains(t, err, "api.Args."+field, field)
	}
}
