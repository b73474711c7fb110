package api

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/role"
)

// accessLogFormat is one JSON line for each request. It has only variables whose values need no escaping: API Gateway does not
// escape them.
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

// newLogging creates both log groups: the access log, and the execution log under the name that API Gateway uses. Otherwise API
// Gateway would create the latter itself, without retention and encryption.
func (b *builder) newLogging(rest *apigateway.RestApi) (logging, error) {
	var l logging
	group := component.LogGroup{RetentionDays: b.args.LogRetentionDays, KeyARN: b.args.LogsKeyARN}
	var err error
	if l.access, err = b.NewLogGroup("access-log", group); err != nil {
		return l, err
	}
	group.Name = pulumi.Sprintf("API-Gateway-Execution-Logs_%s/%s", rest.ID(), b.args.StageName)
	execution, err := b.NewLogGroup("execution-log", group)
	if err != nil {
		return l, err
	}
	l.ready = append(l.ready, execution)
	account, err := b.newAccount()
	if err != nil {
		return l, err
	}
	if account != nil {
		l.ready = append(l.ready, account)
	}
	return l, nil
}

// newAccount gives API Gateway the role with which it writes logs, one for each account and region; without it a stage with logs
// cannot be created. Role and setting stay when the stack is destroyed: other APIs may log through them. The policy is AWS's
// own, so nothing else has to stay with the role. API Gateway documents no aws:SourceAccount in this role's trust.
func (b *builder) newAccount() (*apigateway.Account, error) {
	if !b.args.ManageAccountLogging {
		return nil, nil
	}
	keep := pulumi.RetainOnDelete(true)
	writer, err := role.New(b.Builder, "logging-role", role.Args{
		Service: "apigateway.amazonaws.com", Description: "Lets API Gateway write logs of every API in the region",
	}, keep)
	if err != nil {
		return nil, err
	}
	managed := b.Stack.ManagedPolicyARN("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
	attachment, err := role.NewAttachment(b.Builder, "logging-policy", writer, pulumi.String(managed), keep)
	if err != nil {
		return nil, err
	}
	account, err := apigateway.NewAccount(b.Ctx, b.Name("account"), &apigateway.AccountArgs{
		CloudwatchRoleArn: writer.Arn,
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{attachment}), keep)...)
	if err != nil {
		return nil, fmt.Errorf("writing API Gateway account settings: %w", err)
	}
	return account, nil
}
