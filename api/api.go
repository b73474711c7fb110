// Package api is the API Gateway tier: a REST API for agents and signed clients in front of the backend's private port,
// and the pure projection of the OpenAPI document that it is built from.
package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Token is the component's type.
const Token = "scalable-backend:api:API"

// Args are the inputs of the tier.
type Args struct {
	Stack     stack.Info
	Document  *Document
	StageName string
	// LoadBalancerARN is the internal network load balancer's, from a value that resolves once it listens.
	LoadBalancerARN, LoadBalancerDNSName pulumi.StringInput
	Port                                 int // the listener that serves the gateway
	ThrottleRate, ThrottleBurst          int // requests per second, and at once
	// ManageAccountLogging writes the region's API Gateway logging role. It belongs to every API of account and region, so it
	// stays when the stack goes.
	ManageAccountLogging bool
	Tracing              bool // X-Ray
	LogRetentionDays     int
	LogsKeyARN           pulumi.StringInput
}

// API is the tier.
type API struct {
	pulumi.ResourceState

	URL             pulumi.StringOutput // of the stage; resolves once it is deployed
	RestAPIID       pulumi.StringOutput
	RestAPIName     pulumi.StringOutput // the dimension of its metrics
	StageName       pulumi.StringOutput
	StageARN        pulumi.StringOutput
	ExecutionARN    pulumi.StringOutput
	LogGroupName    pulumi.StringOutput      // access log
	AgentMethodARNs pulumi.StringArrayOutput // what an agent's role may invoke
}

var stageName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func (a *Args) validate() error {
	var problems []error
	report := func(field, want string, got any) {
		problems = append(problems, fmt.Errorf("api.Args.%s: want %s, got %v", field, want, got))
	}
	if a.LoadBalancerARN == nil || a.LoadBalancerDNSName == nil {
		report("LoadBalancerARN, LoadBalancerDNSName", "values", "none")
	}
	if a.LogsKeyARN == nil {
		report("LogsKeyARN", "a value", "none")
	}
	if !stageName.MatchString(a.StageName) {
		report("StageName", "letters, digits, - and _", fmt.Sprintf("%q", a.StageName))
	}
	if a.Port < 1 || a.Port > 65535 {
		report("Port", "1..65535", a.Port)
	}
	if a.ThrottleRate < 1 {
		report("ThrottleRate", "1 or more", a.ThrottleRate)
	}
	if a.ThrottleBurst < 1 {
		report("ThrottleBurst", "1 or more", a.ThrottleBurst)
	}
	if a.LogRetentionDays < 1 {
		report("LogRetentionDays", "1 or more", a.LogRetentionDays)
	}
	// The real projection waits for the load balancer; a document that cannot be projected is refused before anything else.
	if a.Document == nil {
		report("Document", "a document", "none")
	} else if _, err := a.Document.Project(ProjectOptions{BackendURL: "http://example.invalid", ConnectionID: "none"}); err != nil {
		problems = append(problems, fmt.Errorf("api.Args.Document: %w", err))
	}
	return errors.Join(problems...)
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*API, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	a := &API{}
	if err := ctx.RegisterComponentResource(Token, name, a, opts...); err != nil {
		return nil, fmt.Errorf("registering %s: %w", Token, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(a)}

	rest, body, err := b.restAPI()
	if err != nil {
		return nil, err
	}
	logs, err := b.logging(rest)
	if err != nil {
		return nil, err
	}
	stage, err := b.stage(rest, body, logs)
	if err != nil {
		return nil, err
	}

	a.URL = stage.InvokeUrl
	a.RestAPIID = rest.ID().ToStringOutput()
	a.RestAPIName = rest.Name
	a.StageName = stage.StageName
	a.StageARN = stage.Arn
	a.ExecutionARN = rest.ExecutionArn
	a.LogGroupName = logs.access.Name
	a.AgentMethodARNs = methodARNs(rest.ExecutionArn, args.StageName, args.Document.Operations())
	if err := ctx.RegisterResourceOutputs(a, pulumi.Map{
		"url":             a.URL,
		"restApiId":       a.RestAPIID,
		"restApiName":     a.RestAPIName,
		"stageName":       a.StageName,
		"stageArn":        a.StageARN,
		"executionArn":    a.ExecutionARN,
		"logGroupName":    a.LogGroupName,
		"agentMethodArns": a.AgentMethodARNs,
	}); err != nil {
		return nil, fmt.Errorf("registering outputs of %s: %w", name, err)
	}
	return a, nil
}

// methodARNs names each method that agents call, path parameters as `*`.
func methodARNs(execution pulumi.StringOutput, stage string, operations []Operation) pulumi.StringArrayOutput {
	return execution.ApplyT(func(arn string) []string {
		var arns []string
		for _, o := range operations {
			if o.Agents() {
				arns = append(arns, arn+"/"+stage+"/"+o.ARNPath())
			}
		}
		return arns
	}).(pulumi.StringArrayOutput)
}

type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	parent pulumi.ResourceOption
}

func (b *builder) child(suffix string) string { return b.name + "-" + suffix }

func (b *builder) tags(child string) pulumi.StringMap { return b.args.Stack.Tags("api", child) }

// restAPI creates the VPC link and the API, and returns the API's document with it.
func (b *builder) restAPI() (*apigateway.RestApi, pulumi.StringOutput, error) {
	var body pulumi.StringOutput
	child := b.child("vpc-link")
	link, err := apigateway.NewVpcLink(b.ctx, child, &apigateway.VpcLinkArgs{
		Description: pulumi.String("To the backend's private load balancer"),
		TargetArn:   b.args.LoadBalancerARN,
		Tags:        b.tags(child),
	}, b.parent)
	if err != nil {
		return nil, body, fmt.Errorf("creating VPC link: %w", err)
	}
	body = pulumi.All(link.ID(), b.args.LoadBalancerDNSName).ApplyT(func(values []any) (string, error) {
		text, err := b.args.Document.Project(ProjectOptions{
			ConnectionID: string(values[0].(pulumi.ID)),
			BackendURL:   "http://" + values[1].(string) + ":" + strconv.Itoa(b.args.Port),
		})
		return string(text), err
	}).(pulumi.StringOutput)

	child = b.child("rest")
	rest, err := apigateway.NewRestApi(b.ctx, child, &apigateway.RestApiArgs{
		Description: pulumi.String("Files and jobs, for agents and signed clients"),
		Body:        body,
		// The body says it, too; but without this the provider puts back what the body said when the API was made.
		BinaryMediaTypes:          pulumi.ToStringArray(binaryTypes),
		DisableExecuteApiEndpoint: pulumi.Bool(false),
		EndpointConfiguration:     apigateway.RestApiEndpointConfigurationArgs{Types: pulumi.String("REGIONAL")},
		Tags:                      b.tags(child),
	}, b.parent)
	if err != nil {
		return nil, body, fmt.Errorf("creating REST API: %w", err)
	}
	return rest, body, nil
}

// stage deploys the document. A deployment is a snapshot: without a trigger that follows the document, a change of the
// API would never go live.
func (b *builder) stage(rest *apigateway.RestApi, body pulumi.StringOutput, logs logging) (*apigateway.Stage, error) {
	deployment, err := apigateway.NewDeployment(b.ctx, b.child("deployment"), &apigateway.DeploymentArgs{
		RestApi: rest.ID(),
		Triggers: pulumi.StringMap{"document": body.ApplyT(func(text string) string {
			sum := sha256.Sum256([]byte(text))
			return hex.EncodeToString(sum[:])
		}).(pulumi.StringOutput)},
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("creating deployment: %w", err)
	}
	format, err := json.Marshal(accessLogFormat)
	if err != nil {
		return nil, fmt.Errorf("encoding access log format: %w", err)
	}
	child := b.child("stage")
	stage, err := apigateway.NewStage(b.ctx, child, &apigateway.StageArgs{
		RestApi:    rest.ID(),
		Deployment: deployment.ID(),
		StageName:  pulumi.String(b.args.StageName),
		AccessLogSettings: apigateway.StageAccessLogSettingsArgs{
			DestinationArn: logs.access.Arn,
			Format:         pulumi.String(string(format)),
		},
		XrayTracingEnabled: pulumi.Bool(b.args.Tracing),
		Tags:               b.tags(child),
	}, b.parent, pulumi.DependsOn(logs.ready))
	if err != nil {
		return nil, fmt.Errorf("creating stage: %w", err)
	}
	if _, err := apigateway.NewMethodSettings(b.ctx, b.child("settings"), &apigateway.MethodSettingsArgs{
		RestApi:    rest.ID(),
		StageName:  stage.StageName,
		MethodPath: pulumi.String("*/*"),
		Settings: apigateway.MethodSettingsSettingsArgs{
			LoggingLevel:         pulumi.String("ERROR"),
			DataTraceEnabled:     pulumi.Bool(false), // it would log bodies
			MetricsEnabled:       pulumi.Bool(true),
			CachingEnabled:       pulumi.Bool(false), // answers about a queue are never reusable
			ThrottlingRateLimit:  pulumi.Float64(float64(b.args.ThrottleRate)),
			ThrottlingBurstLimit: pulumi.Int(b.args.ThrottleBurst),
		},
	}, b.parent); err != nil {
		return nil, fmt.Errorf("creating method settings: %w", err)
	}
	return stage, nil
}

// logging is the stage's access log, and what must stand before the stage.
type logging struct {
	access *cloudwatch.LogGroup
	ready  []pulumi.Resource
}
