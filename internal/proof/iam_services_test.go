package proof

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/authz"
	"scalable-backend/internal/plan"
)

// userData returns the script of the planned launch template.
func userData(t *testing.T, g *plan.Graph) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "userData").(string))
	require.NoError(t, err)
	return string(text)
}

// between returns the text between begin and end.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	require.True(t, ok, "%q is missing", begin)
	found, _, ok := strings.Cut(rest, end)
	require.True(t, ok, "%q is missing after %q", end, begin)
	return found
}

// publicBucket returns the policy of a bucket that everyone may read.
func publicBucket(t *testing.T) *authz.Document {
	t.Helper()
	d, err := authz.Parse(authz.Resource, "a public bucket", []byte(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`))
	require.NoError(t, err)
	return &d
}

// onBehalfOf returns the context of a call that a service makes on behalf of a resource.
func onBehalfOf(account, arn string) map[string]string {
	return map[string]string{"aws:SourceAccount": account, "aws:SourceArn": arn}
}

// trusts returns the calls in which services assume the roles, with the documented context keys: EC2 and API Gateway send none.
func (w *world) trusts() []call {
	var calls []call
	assume := func(service, role string, context map[string]string) {
		calls = append(calls, call{who: authz.Service(service), action: "sts:AssumeRole", resource: role, context: context, why: "role of " +
			service})
	}
	p := w.fixture()
	assume("ec2.amazonaws.com", p.backend.String(), nil)
	task := onBehalfOf(w.account, w.local("ecs", "task/fargate-cluster/0123456789abcdef0123456789abcdef"))
	assume("ecs-tasks.amazonaws.com", p.execution.String(), task)
	assume("ecs-tasks.amazonaws.com", p.agent.String(), task)
	for _, r := range w.g.OfType("aws:ec2/flowLog:FlowLog") {
		assume("vpc-flow-logs.amazonaws.com", input(w.t, r, "iamRoleArn").(string), onBehalfOf(w.account, w.local("ec2", "vpc-flow-log/fl-1")))
	}
	for _, r := range w.g.OfType("aws:rds/instance:Instance") {
		if role, ok := r.Revealed("monitoringRoleArn"); ok {
			assume("monitoring.rds.amazonaws.com", role.(string), onBehalfOf(w.account, w.arn(r)))
		}
	}
	for _, r := range w.g.OfType("aws:apigateway/account:Account") {
		assume("apigateway.amazonaws.com", input(w.t, r, "cloudwatchRoleArn").(string), nil)
	}
	for _, r := range w.g.OfType("aws:cfg/recorder:Recorder") {
		assume("config.amazonaws.com", input(w.t, r, "roleArn").(string), onBehalfOf(w.account, w.local("config", "config-recorder/recorder")))
	}
	return calls
}

// logCalls returns the calls of AWS services that write logs: flow logs, API Gateway, enhanced monitoring, and CloudWatch Logs
// itself when it encrypts a group.
func (w *world) logCalls() []call {
	var calls []call
	for _, r := range w.g.OfType("aws:ec2/flowLog:FlowLog") {
		who, group := authz.Role(input(w.t, r, "iamRoleArn").(string)), input(w.t, r, "logDestination").(string)
		for action, on := range map[string][]string{
			// AWS documents a group's ARN with and without a suffix, depending on the action and the page.
			"logs:CreateLogStream": {group, group + ":log-stream:eni-1-all"}, "logs:DescribeLogStreams": {group, group + ":log-stream:"},
			"logs:PutLogEvents": {group + ":log-stream:eni-1-all"}, "logs:DescribeLogGroups": {w.local("logs", "log-group::log-stream:")},
		} {
			for _, resource := range on {
				calls = append(calls, call{who: who, action: action, resource: resource, why: "flow logs"})
			}
		}
	}
	for _, r := range w.g.OfType("aws:apigateway/account:Account") {
		who := authz.Role(input(w.t, r, "cloudwatchRoleArn").(string))
		stage := only(w.t, w.g, "aws:apigateway/stage:Stage")
		execution, ok := w.g.Find("aws:cloudwatch/logGroup:LogGroup", "api-execution-log")
		require.True(w.t, ok)
		for _, group := range []string{input(w.t, stage, "accessLogSettings", "destinationArn").(string), w.arn(execution)} {
			for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
				calls = append(calls, call{who: who, action: action, resource: group + ":log-stream:x", why: "logs of the gateway"})
			}
		}
	}
	for _, r := range w.g.OfType("aws:rds/instance:Instance") {
		if role, ok := r.Revealed("monitoringRoleArn"); ok {
			calls = append(calls, call{who: authz.Role(role.(string)), action: "logs:PutLogEvents",
				resource: w.local("logs", "log-group:RDSOSMetrics:log-stream:db-1"), why: "enhanced monitoring"})
		}
	}
	for _, r := range w.g.OfType("aws:cloudwatch/logGroup:LogGroup") {
		for _, action := range []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey",
			"kms:GenerateDataKeyPair", "kms:DescribeKey"} {
			calls = append(calls, call{
				who: authz.Service("logs." + w.region + ".amazonaws.com"), action: action, resource: w.keyOf(r, "kmsKeyId"),
				context: map[string]string{"kms:EncryptionContext:aws:logs:arn": w.arn(r)}, why: "encryption of " + r.Name,
			})
		}
	}
	return calls
}

// deliveries returns the calls that write logs as S3 objects: access logs of S3 and load balancers, and AWS Config's history.
func (w *world) deliveries(p iamFixture) []call {
	logging := only(w.t, w.g, "aws:s3/bucketLoggingV2:BucketLoggingV2")
	calls := []call{{
		who: authz.Service("logging.s3.amazonaws.com"), action: "s3:PutObject",
		resource: p.logBucket + "/" + input(w.t, logging, "targetPrefix").(string) + "2026-01-01-00-00-00-0",
		context:  onBehalfOf(w.account, "arn:aws:s3:::"+input(w.t, logging, "bucket").(string)), why: "access log of the data bucket",
	}}
	for _, r := range w.g.OfType("aws:lb/loadBalancer:LoadBalancer") {
		if bucket, ok := r.Revealed("accessLogs", "bucket"); ok {
			calls = append(calls, call{
				who: authz.Service("logdelivery.elasticloadbalancing.amazonaws.com"), action: "s3:PutObject", why: "access log of " + r.Name,
				resource: "arn:aws:s3:::" + bucket.(string) + "/" + input(w.t, r, "accessLogs", "prefix").(string) + "/AWSLogs/" + w.account +
					"/elasticloadbalancing/" + w.region + "/x.log.gz",
			})
		}
	}
	for _, r := range w.g.OfType("aws:cfg/deliveryChannel:DeliveryChannel") {
		recorder := authz.Role(input(w.t, only(w.t, w.g, "aws:cfg/recorder:Recorder"), "roleArn").(string))
		bucket := "arn:aws:s3:::" + input(w.t, r, "s3BucketName").(string)
		calls = append(calls,
			call{who: recorder, action: "s3:GetBucketAcl", resource: bucket, why: "AWS Config's check"},
			call{who: recorder, action: "s3:ListBucket", resource: bucket, why: "AWS Config's check"},
		)
		for _, action := range []string{"s3:PutObject", "s3:PutObjectAcl"} {
			calls = append(calls, call{who: recorder, action: action, resource: bucket + "/AWSLogs/" + w.account + "/Config/" + w.region + "/x",
				why: "AWS Config's history"})
		}
	}
	return calls
}

// notifications returns the calls that publish to the topic, and those on its key, which publishers need too.
func (w *world) notifications(p iamFixture) []call {
	var calls []call
	publish := func(service, topic string, context map[string]string, why string) {
		calls = append(calls, call{who: authz.Service(service), action: "sns:Publish", resource: topic, context: context, why: why})
		withTopic := map[string]string{"kms:EncryptionContext:aws:sns:topicArn": topic}
		for key, value := range context {
			withTopic[key] = value
		}
		for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
			calls = append(calls, call{who: authz.Service(service), action: action, resource: p.topicKey, context: withTopic, why: why})
		}
	}
	for _, r := range w.g.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		for _, property := range []string{"alarmActions", "okActions"} {
			for _, topic := range input(w.t, r, property).([]any) {
				publish("cloudwatch.amazonaws.com", topic.(string), onBehalfOf(w.account, w.arn(r)), r.Name)
			}
		}
	}
	for _, r := range w.g.OfType("aws:budgets/budget:Budget") {
		for _, n := range input(w.t, r, "notifications").([]any) {
			for _, topic := range n.(map[string]any)["subscriberSnsTopicArns"].([]any) {
				publish("budgets.amazonaws.com", topic.(string), onBehalfOf(w.account, w.arn(r)), r.Name)
			}
		}
	}
	for _, r := range w.g.OfType("aws:rds/eventSubscription:EventSubscription") {
		publish("events.rds.amazonaws.com", input(w.t, r, "snsTopic").(string), onBehalfOf(w.account, w.arn(r)), r.Name)
	}
	for _, r := range w.g.OfType("aws:cloudwatch/eventTarget:EventTarget") {
		publish("events.amazonaws.com", input(w.t, r, "arn").(string), nil, r.Name) // it sends neither context key
	}
	// Auto Scaling publishes with its service-linked role, whose policy allows publishing, but no use of this stack's keys.
	scaling := authz.Role(w.local("iam", "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"))
	for _, r := range w.g.OfType("aws:autoscaling/notification:Notification") {
		calls = append(calls, call{who: scaling, admin: true, action: "sns:Publish", resource: input(w.t, r, "topicArn").(string), why: r.Name})
		for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
			calls = append(calls, call{who: scaling, action: action, resource: p.topicKey, why: r.Name})
		}
	}
	return calls
}

// administration returns the calls that the account's administrators must always be able to make.
func (w *world) administration() []call {
	who := authz.Role(w.local("iam", "role/administrator"))
	var calls []call
	for _, r := range w.g.OfType("aws:kms/key:Key") {
		for _, action := range []string{"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} {
			calls = append(calls, call{who: who, admin: true, action: action, resource: w.arn(r), why: "administration of keys"})
		}
	}
	return calls
}
