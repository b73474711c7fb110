package api

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/role"
)

// accessLogFormat is one JSON line a request. Only variables whose values need no escaping: the gateway does not quote.
var accessLogFormat = struct {
	RequestID          string `json:"requestId"`
	Time               string `json:"time"`
	Caller             string `json:"caller"`
	SourceIP           string `json:"sourceIp"`
	Method             string `json:"method"`
	Resource           string `json:"resource"`
	Status             string `json:"status"`
	IntegrationStatus  string `json:"integrationStatus"`
	LatencyMS          string `json:"latencyMs"`
	IntegrationLatency string `json:"integrationLatencyMs"`
	ResponseBytes      string `json:"responseBytes"`
	ErrorType          string `json:"errorType"`
	TraceID            string `json:"xrayTraceId"`
}{
	RequestID:          "$context.requestId",
	Time:               "$context.requestTimeEpoch",
	Caller:             "$context.identity.userArn",
	SourceIP:           "$context.identity.sourceIp",
	Method:             "$context.httpMethod",
	Resource:           "$context.resourcePath",
	Status:             "$context.status",
	IntegrationStatus:  "$context.integrationStatus",
	LatencyMS:          "$context.responseLatency",
	IntegrationLatency: "$context.integrationLatency",
	ResponseBytes:      "$context.responseLength",
	ErrorType:          "$context.error.responseType",
	TraceID:            "$context.xrayTraceId",
}

// logging creates both log groups: the access log, and the execution log under the one name that API Gateway uses and would
// otherwise create itself, without retention and encryption.
func (b *builder) logging(rest *apigateway.RestApi) (logging, error) {
	var l logging
	group := func(suffix string, name pulumi.StringPtrInput) (*cloudwatch.LogGroup, error) {
		child := b.child(suffix)
		g, err := cloudwatch.NewLogGroup(b.ctx, child, &cloudwatch.LogGroupArgs{
			Name:            name,
			RetentionInDays: pulumi.Int(b.args.LogRetentionDays),
			KmsKeyId:        b.args.LogsKeyARN,
			Tags:            b.tags(child),
		}, b.parent)
		if err != nil {
			return nil, fmt.Errorf("creating log group of %s: %w", suffix, err)
		}
		return g, nil
	}
	var err error
	if l.access, err = group("access-log", nil); err != nil {
		return l, err
	}
	execution, err := group("execution-log", rest.ID().ToStringOutput().ApplyT(func(id string) string {
		return "API-Gateway-Execution-Logs_" + id + "/" + b.args.StageName
	}).(pulumi.StringOutput))
	if err != nil {
		return l, err
	}
	l.ready = append(l.ready, execution)
	account, err := b.account()
	if err != nil {
		return l, err
	}
	if account != nil {
		l.ready = append(l.ready, account)
	}
	return l, nil
}

// account gives API Gateway the role that it writes logs with, one per account and region; without it a stage with logs
// cannot be created. Role and setting are kept when the stack goes: other APIs may log through them. The policy is AWS's
// own, so nothing else has to be kept with the role. API Gateway documents no aws:SourceAccount in this role's trust.
func (b *builder) account() (*apigateway.Account, error) {
	if !b.args.ManageAccountLogging {
		return nil, nil
	}
	keep := pulumi.RetainOnDelete(true)
	writer, err := role.New(b.ctx, b.child("logging-role"), role.Args{
		Stack: b.args.Stack, Tier: "api", Service: "apigateway.amazonaws.com",
		Description: "Lets API Gateway write logs of every API in the region",
	}, b.parent, keep)
	if err != nil {
		return nil, err
	}
	attachment, err := iam.NewRolePolicyAttachment(b.ctx, b.child("logging-policy"), &iam.RolePolicyAttachmentArgs{
		Role:      writer.Name,
		PolicyArn: pulumi.String(b.args.Stack.ManagedPolicyARN("service-role/AmazonAPIGatewayPushToCloudWatchLogs")),
	}, b.parent, keep)
	if err != nil {
		return nil, fmt.Errorf("attaching API Gateway logging policy: %w", err)
	}
	account, err := apigateway.NewAccount(b.ctx, b.child("account"), &apigateway.AccountArgs{
		CloudwatchRoleArn: writer.Arn,
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{attachment}), keep)
	if err != nil {
		return nil, fmt.Errorf("writing API Gateway account settings: %w", err)
	}
	return account, nil
}
