package monitoring

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/policy"
	"scalable-backend/internal/stack"
)

// AlertsToken is the type of the Alerts component.
const AlertsToken = "scalable-backend:monitoring:Alerts"

// AlertsArgs are the inputs of Alerts.
type AlertsArgs struct {
	// Stack is where the topic is.
	Stack stack.Info
	// Emails are the addresses that are notified, each once; nil for none. Their owners have to confirm the subscription.
	Emails []string
	// EventBridge lets rules of EventBridge publish. The topic's policy can set no condition for them, so it is set only when
	// there is such a rule.
	EventBridge bool
	// Budget lets AWS Budgets publish. Where AWS has no such service, as in GovCloud, a policy that names it cannot be created.
	Budget bool
}

// Alerts is the component of the topic that every alarm notifies, and of its key. It is created before every tier.
type Alerts struct {
	pulumi.ResourceState

	TopicARN pulumi.StringOutput // known when the topic's policy admits the publishers
	KeyARN   pulumi.StringOutput
}

func (a *AlertsArgs) validate() error {
	if a == nil {
		return errors.New("monitoring.AlertsArgs: want a value, got nil")
	}
	check := component.NewCheck("monitoring.AlertsArgs")
	for i, email := range a.Emails {
		field := fmt.Sprintf("Emails[%d]", i)
		local, domain, ok := strings.Cut(email, "@")
		check.That(ok && local != "" && domain != "", field, "an address", email)
		check.That(!slices.Contains(a.Emails[:i], email), field, "each address once", email)
	}
	return check.Err()
}

// NewAlerts creates the topic and its key.
func NewAlerts(ctx *pulumi.Context, name string, args *AlertsArgs, opts ...pulumi.ResourceOption) (*Alerts, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	a := &Alerts{}
	b, err := component.Register(ctx, AlertsToken, name, a, args.Stack, opts...)
	if err != nil {
		return nil, err
	}

	key, err := kms.NewKey(b.Ctx, b.Name("key"), &kms.KeyArgs{
		Description:          pulumi.String("Encrypts the alert topic of " + args.Stack.Project + "-" + args.Stack.Stack),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: b.RecoveryDays(7),
		Policy:               policy.JSON(keyStatements(args)...),
		Tags:                 b.Tags("key"),
	}, b.Options(b.Protect())...)
	if err != nil {
		return nil, fmt.Errorf("creating key of alert topic: %w", err)
	}
	topic, err := sns.NewTopic(b.Ctx, b.Name("topic"), &sns.TopicArgs{
		// With AWS's own key for SNS, alarms would fail without an error: its policy admits no service.
		KmsMasterKeyId: key.Arn,
		Tags:           b.Tags("topic"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating alert topic: %w", err)
	}
	topicPolicy, err := sns.NewTopicPolicy(b.Ctx, b.Name("policy"), &sns.TopicPolicyArgs{
		Arn:    topic.Arn,
		Policy: policy.JSON(topicStatements(args, topic.Arn)...),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating policy of alert topic: %w", err)
	}
	for _, email := range args.Emails {
		if _, err := sns.NewTopicSubscription(b.Ctx, b.Name("email-"+email), &sns.TopicSubscriptionArgs{
			Topic:    topic.Arn,
			Protocol: pulumi.String("email"),
			Endpoint: pulumi.String(email),
		}, b.Options()...); err != nil {
			return nil, fmt.Errorf("subscribing %s: %w", email, err)
		}
	}

	a.TopicARN = topicPolicy.Arn
	a.KeyARN = key.Arn
	if err := b.RegisterOutputs(pulumi.Map{"topicArn": a.TopicARN, "keyArn": a.KeyARN}); err != nil {
		return nil, err
	}
	return a, nil
}

// publishers are the services that notify the topic on behalf of this account.
func publishers(args *AlertsArgs) []string {
	services := []string{"cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}
	if args.Budget {
		services = append([]string{"budgets.amazonaws.com"}, services...)
	}
	return services
}

const eventBridge = "events.amazonaws.com"

// keyStatements let the account's administrators manage the key, and publishers encrypt what they publish.
func keyStatements(args *AlertsArgs) []policy.Statement {
	info := args.Stack
	use := []string{"kms:Decrypt", "kms:GenerateDataKey*"} // with its variants, which a publisher may choose
	thisKey := policy.Strings("*")                         // in a key's own policy: this key
	condition := func(test, key string, values ...string) policy.Condition {
		return policy.Condition{Test: test, Key: key, Values: policy.Strings(values...)}
	}
	statements := []policy.Statement{
		{
			Sid: "Administration", Effect: policy.Allow,
			Principals: []policy.Principal{policy.AWS(pulumi.String(info.RootARN()))},
			// Without the root as full administrator nobody could change the key's policy any more.
			Actions: []string{"kms:*"}, Resources: thisKey,
		},
		{
			Sid: "Publishers", Effect: policy.Allow,
			Principals: []policy.Principal{policy.Service(publishers(args)...)},
			Actions:    use, Resources: thisKey,
			Conditions: []policy.Condition{policy.SourceAccount(info.AccountID)},
		},
		{
			// Auto Scaling publishes as its service-linked role. In a new account the role does not exist yet and cannot be a
			// principal, so it stands in the condition.
			Sid: "AutoScaling", Effect: policy.Allow,
			Principals: []policy.Principal{policy.Everyone()},
			Actions:    use, Resources: thisKey,
			Conditions: []policy.Condition{
				condition("StringEquals", "kms:CallerAccount", info.AccountID),
				condition("ArnLike", "aws:PrincipalArn",
					info.GlobalARN("iam", "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*")),
			},
		},
	}
	if args.EventBridge {
		statements = append(statements, policy.Statement{
			// EventBridge's requests do not carry aws:SourceAccount: with that condition its messages would be dropped silently.
			Sid: "EventBridge", Effect: policy.Allow,
			Principals: []policy.Principal{policy.Service(eventBridge)},
			Actions:    use, Resources: thisKey,
			Conditions: []policy.Condition{condition("ArnLike", "kms:EncryptionContext:aws:sns:topicArn", info.ARN("sns", "*"))},
		})
	}
	return statements
}

// topicStatements replace SNS's default policy, so every publisher is named. The account's own identities publish by their
// IAM policies.
func topicStatements(args *AlertsArgs, topic pulumi.StringInput) []policy.Statement {
	publish := []string{"sns:Publish"}
	resources := []pulumi.StringInput{topic}
	statements := []policy.Statement{
		{
			Sid: "Publishers", Effect: policy.Allow,
			Principals: []policy.Principal{policy.Service(publishers(args)...)},
			Actions:    publish, Resources: resources,
			Conditions: []policy.Condition{policy.SourceAccount(args.Stack.AccountID)},
		},
		{
			Sid: "TLSOnly", Effect: policy.Deny,
			Principals: []policy.Principal{policy.Everyone()}, // a denial is for all
			Actions:    publish, Resources: resources,
			Conditions: []policy.Condition{{Test: "Bool", Key: "aws:SecureTransport", Values: policy.Strings("false")}},
		},
	}
	if args.EventBridge {
		statements = append(statements, policy.Statement{
			// EventBridge supports no condition in a topic's policy.
			Sid: "EventBridge", Effect: policy.Allow,
			Principals: []policy.Principal{policy.Service(eventBridge)},
			Actions:    publish, Resources: resources,
		})
	}
	return statements
}
