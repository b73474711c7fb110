package monitoring

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

const (
	keyType          = "aws:kms/key:Key"
	topicType        = "aws:sns/topic:Topic"
	topicPolicyType  = "aws:sns/topicPolicy:TopicPolicy"
	subscriptionType = "aws:sns/topicSubscription:TopicSubscription"
)

func recordAlerts(t *testing.T, args *AlertsArgs) *infratest.Graph {
	t.Helper()
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		a, err := NewAlerts(ctx, "alerts", args)
		if err != nil {
			return err
		}
		assert.Regexp(t, "^arn:aws:sns:eu-central-1:123456789012:alerts-topic", infratest.Value[string](t, a.TopicARN))
		return nil
	})
	g.RequireDescend(t, AlertsToken+"::alerts")
	return g
}

func statements(t *testing.T, r infratest.Resource) map[string]policy.ResolvedStatement {
	t.Helper()
	var document policy.Document
	require.NoError(t, json.Unmarshal([]byte(r.String(t, "policy")), &document))
	bySid := map[string]policy.ResolvedStatement{}
	for _, s := range document.Statement {
		require.NotContains(t, bySid, s.Sid)
		bySid[s.Sid] = s
	}
	return bySid
}

func TestAlerts(t *testing.T) {
	g := recordAlerts(t, &AlertsArgs{Stack: infratest.Stack(), Emails: []string{"ops@example.com", "b@example.com"}})
	g.RequireCounts(t, map[string]int{keyType: 1, topicType: 1, topicPolicyType: 1, subscriptionType: 2})
	g.RequireNames(t, subscriptionType, "alerts-email-ops@example.com", "alerts-email-b@example.com")
	key := g.Only(t, keyType)
	assert.True(t, key.Protect)
	assert.True(t, key.Bool(t, "enableKeyRotation"))
	assert.Equal(t, 30.0, key.Number(t, "deletionWindowInDays"))
	assert.Regexp(t, "^arn:aws:kms:", g.Only(t, topicType).String(t, "kmsMasterKeyId"))
	for _, s := range g.OfType(subscriptionType) {
		assert.Equal(t, "email", s.String(t, "protocol"))
	}
}

// A resource that uses the topic's ARN must wait for the topic's policy.
func TestTopicARNWaitsForItsPolicy(t *testing.T) {
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		a, err := NewAlerts(ctx, "alerts", &AlertsArgs{Stack: infratest.Stack()})
		if err != nil {
			return err
		}
		_, err = cloudwatch.NewMetricAlarm(ctx, "consumer", &cloudwatch.MetricAlarmArgs{
			ComparisonOperator: pulumi.String("LessThanThreshold"), EvaluationPeriods: pulumi.Int(1), AlarmActions: pulumi.Array{a.TopicARN},
		})
		return err
	})
	assert.Contains(t, g.Find(t, alarmType, "consumer").DependsOn, topicPolicyType+"::alerts-policy")
}

func TestDisposableAlerts(t *testing.T) {
	args := &AlertsArgs{Stack: infratest.Stack()}
	args.Stack.Disposable = true
	g := recordAlerts(t, args)
	g.RequireCounts(t, map[string]int{keyType: 1, topicType: 1, topicPolicyType: 1})
	assert.False(t, g.Only(t, keyType).Protect)
	assert.Equal(t, 7.0, g.Only(t, keyType).Number(t, "deletionWindowInDays"))
}

func TestKeyPolicy(t *testing.T) {
	got := statements(t, recordAlerts(t, &AlertsArgs{Stack: infratest.Stack(), Budget: true}).Only(t, keyType))
	account := map[string]map[string][]string{"StringEquals": {"aws:SourceAccount": {"123456789012"}}}
	use := []string{"kms:Decrypt", "kms:GenerateDataKey*"}
	assert.Equal(t, map[string]policy.ResolvedStatement{
		"Administration": {
			Sid: "Administration", Effect: "Allow", Principal: map[string]any{"AWS": []any{"arn:aws:iam::123456789012:root"}},
			Action: []string{"kms:*"}, Resource: []string{"*"},
		},
		"Publishers": {
			Sid: "Publishers", Effect: "Allow",
			Principal: map[string]any{"Service": []any{"budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}},
			Action:    use, Resource: []string{"*"}, Condition: account,
		},
		"AutoScaling": {
			Sid: "AutoScaling", Effect: "Allow", Principal: "*", Action: use, Resource: []string{"*"},
			Condition: map[string]map[string][]string{
				"StringEquals": {"kms:CallerAccount": {"123456789012"}},
				"ArnLike": {"aws:PrincipalArn": {
					"arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*",
				}},
			},
		},
	}, got)
}

func TestTopicPolicy(t *testing.T) {
	g := recordAlerts(t, &AlertsArgs{Stack: infratest.Stack(), Budget: true})
	policyOf := g.Only(t, topicPolicyType)
	topic := policyOf.String(t, "arn")
	assert.Equal(t, map[string]policy.ResolvedStatement{
		"Publishers": {
			Sid: "Publishers", Effect: "Allow",
			Principal: map[string]any{"Service": []any{"budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}},
			Action:    []string{"sns:Publish"}, Resource: []string{topic},
			Condition: map[string]map[string][]string{"StringEquals": {"aws:SourceAccount": {"123456789012"}}},
		},
		"TLSOnly": {
			Sid: "TLSOnly", Effect: "Deny", Principal: "*", Action: []string{"sns:Publish"}, Resource: []string{topic},
			Condition: map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"false"}}},
		},
	}, statements(t, policyOf))
}

// EventBridge sends no aws:SourceAccount: a statement with this condition would refuse every message without an error.
func TestEventBridge(t *testing.T) {
	g := recordAlerts(t, &AlertsArgs{Stack: infratest.Stack(), EventBridge: true})
	service := map[string]any{"Service": []any{"events.amazonaws.com"}}
	key := statements(t, g.Only(t, keyType))["EventBridge"]
	assert.Equal(t, service, key.Principal)
	assert.Equal(t, map[string]map[string][]string{
		"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": {"arn:aws:sns:eu-central-1:123456789012:*"}},
	}, key.Condition)
	topic := statements(t, g.Only(t, topicPolicyType))["EventBridge"]
	assert.Equal(t, service, topic.Principal)
	assert.Empty(t, topic.Condition)
}

func TestAlertsValidate(t *testing.T) {
	for want, emails := range map[string][]string{
		`Emails[0]: want an address, got "ops"`: {"ops"},
		"Emails[1]: want each address once":     {"a@example.com", "a@example.com"},
	} {
		err := infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := NewAlerts(ctx, "alerts", &AlertsArgs{Stack: infratest.Stack(), Emails: emails})
			return err
		})
		assert.ErrorContains(t, err, want)
	}
}
