// Package api is the tier of API Gateway: a REST API for agents and for clients that sign with IAM, in front of the backend's
// gateway door. The API is imported from a document that is derived from the services' OpenAPI document.
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

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Token is the component's type.
const Token = "scalable-backend:api:API"

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// Document is the services' OpenAPI document; Read parses it.
	Document *Document
	// StageName is the name of the stage, 1 to 128 letters, digits, - and _.
	StageName string
	// LoadBalancerARN is the gateway door's load balancer, known when its listener exists.
	LoadBalancerARN pulumi.StringInput
	// LoadBalancerDNSName is the name of the same load balancer.
	LoadBalancerDNSName pulumi.StringInput
	// Port is the port of that load balancer's listener, 1 to 65535.
	Port int
	// ThrottleRate is how many requests per second each method takes, ThrottleBurst how many at once; both at least 1.
	ThrottleRate, ThrottleBurst int
	// ManageAccountLogging sets the region's role for the logs of API Gateway. All APIs of the account and region use it, so it
	// stays when the stack is destroyed. With false, the owner sets it.
	ManageAccountLogging bool
	// Tracing records requests with X-Ray.
	Tracing bool
	// LogRetentionDays is how long logs are kept; at least 1.
	LogRetentionDays int
	// LogsKeyARN is the KMS key that encrypts the log groups.
	LogsKeyARN pulumi.StringInput
}

// API is the component.
type API struct {
	pulumi.ResourceState

	URL             pulumi.StringOutput // of the stage; known when it is deployed
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
	if a == nil {
		return errors.New("api.Args: want a value, got nil")
	}
	check := component.NewCheck("api.Args")
	check.Inputs(*a, nil)
	check.That(stageName.MatchString(a.StageName), "StageName", "letters, digits, - and _", a.StageName)
	check.Between("Port", 1, 65535, a.Port)
	check.AtLeast("ThrottleRate", 1, a.ThrottleRate)
	check.AtLeast("ThrottleBurst", 1, a.ThrottleBurst)
	check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	check.That(a.Document != nil, "Document", "an OpenAPI document", a.Document)
	if a.Document != nil {
		// The real projection waits for the load balancer; a document that cannot be projected is refused before anything else.
		_, err := a.Document.Project(ProjectOptions{BackendURL: "http://example.invalid", ConnectionID: "none"})
		check.NoError("Document", err)
	}
	return check.Err()
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*API, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	a := &API{}
	base, err := component.Register(ctx, Token, name, a, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	rest, body, err := b.newRestAPI()
	if err != nil {
		return nil, err
	}
	logs, err := b.newLogging(rest)
	if err != nil {
		return nil, err
	}
	stage, err := b.newStage(rest, body, logs)
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
	if err := b.RegisterOutputs(pulumi.Map{
		"url":             a.URL,
		"restApiId":       a.RestAPIID,
		"restApiName":     a.RestAPIName,
		"stageName":       a.StageName,
		"stageArn":        a.StageARN,
		"executionArn":    a.ExecutionARN,
		"logGroupName":    a.LogGroupName,
		"agentMethodArns": a.AgentMethodARNs,
	}); err != nil {
		return nil, err
	}
	return a, nil
}

// methodARNs are the ARNs of the methods that agents call, with `*` for a path parameter.
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

// newRestAPI creates the VPC link and the API, and returns the document that API Gateway imports with it.
func (b *builder) newRestAPI() (*apigateway.RestApi, pulumi.StringOutput, error) {
	var body pulumi.StringOutput
	link, err := apigateway.NewVpcLink(b.Ctx, b.Name("vpc-link"), &apigateway.VpcLinkArgs{
		Description: pulumi.String("To the backend's private load balancer"),
		TargetArn:   b.args.LoadBalancerARN,
		Tags:        b.Tags("vpc-link"),
	}, b.Options()...)
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

	rest, err := apigateway.NewRestApi(b.Ctx, b.Name("rest"), &apigateway.RestApiArgs{
		Description: pulumi.String("Files and jobs, for agents and signed clients"),
		Body:        body,
		// The body has them, too, but without this the provider sets what the body had when the API was created.
		BinaryMediaTypes:          pulumi.ToStringArray(binaryTypes),
		DisableExecuteApiEndpoint: pulumi.Bool(false),
		EndpointConfiguration:     apigateway.RestApiEndpointConfigurationArgs{Types: pulumi.String("REGIONAL")},
		Tags:                      b.Tags("rest"),
	}, b.Options()...)
	if err != nil {
		return nil, body, fmt.Errorf("creating REST API: %w", err)
	}
	return rest, body, nil
}

// newStage deploys the document. A deployment is a snapshot: without a trigger that follows the document, a change of the API
// would never be deployed.
func (b *builder) newStage(rest *apigateway.RestApi, body pulumi.StringOutput, logs logging) (*apigateway.Stage, error) {
	deployment, err := apigateway.NewDeployment(b.Ctx, b.Name("deployment"), &apigateway.DeploymentArgs{
		RestApi: rest.ID(),
		Triggers: pulumi.StringMap{"document": body.ApplyT(func(text string) string {
			sum := sha256.Sum256([]byte(text))
			return hex.EncodeToString(sum[:])
		}).(pulumi.StringOutput)},
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating deployment: %w", err)
	}
	format, err := json.Marshal(accessLogFormat)
	if err != nil {
		return nil, fmt.Errorf("encoding access log format: %w", err)
	}
	stage, err := apigateway.NewStage(b.Ctx, b.Name("stage"), &apigateway.StageArgs{
		RestApi:    rest.ID(),
		Deployment: deployment.ID(),
		StageName:  pulumi.String(b.args.StageName),
		AccessLogSettings: apigateway.StageAccessLogSettingsArgs{
			DestinationArn: logs.access.Arn,
			Format:         pulumi.String(string(format)),
		},
		XrayTracingEnabled: pulumi.Bool(b.args.Tracing),
		Tags:               b.Tags("stage"),
	}, b.Options(pulumi.DependsOn(logs.ready))...)
	if err != nil {
		return nil, fmt.Errorf("creating stage: %w", err)
	}
	if _, err := apigateway.NewMethodSettings(b.Ctx, b.Name("settings"), &apigateway.MethodSettingsArgs{
		RestApi:    rest.ID(),
		StageName:  stage.StageName,
		MethodPath: pulumi.String("*/*"),
		Settings: apigateway.MethodSettingsSettingsArgs{
			LoggingLevel:         pulumi.String("ERROR"),
			DataTraceEnabled:     pulumi.Bool(false), // it would log bodies
			MetricsEnabled:       pulumi.Bool(true),
			CachingEnabled:       pulumi.Bool(false), // answers about a queue are out of date at once
			ThrottlingRateLimit:  pulumi.Float64(float64(b.args.ThrottleRate)),
			ThrottlingBurstLimit: pulumi.Int(b.args.ThrottleBurst),
		},
	}, b.Options()...); err != nil {
		return nil, fmt.Errorf("creating method settings: %w", err)
	}
	return stage, nil
}

// logging is the stage's access log, and what has to exist before the stage.
type logging struct {
	access *cloudwatch.LogGroup
	ready  []pulumi.Resource
}
