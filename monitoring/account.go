package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	detectorToken = "aws:guardduty/detector:Detector"
	featureToken  = "aws:guardduty/detectorFeature:DetectorFeature"
	enablerToken  = "aws:inspector2/enabler:Enabler"
)

// protections are GuardDuty's features for what the stack has: its bucket and its database. Runtime monitoring is left
// out: it adds endpoints and a security group to the VPC that this program does not own and cannot destroy.
var protections = []struct{ suffix, name string }{{"s3", "S3_DATA_EVENTS"}, {"rds", "RDS_LOGIN_EVENTS"}}

// newGuardDuty switches the detector of account and region on and sends its findings to the topic.
func (b *builder) newGuardDuty() error {
	detector, err := b.newUntyped(detectorToken, "detector", pulumi.Map{
		"enable":                     pulumi.Bool(true),
		"findingPublishingFrequency": pulumi.String("FIFTEEN_MINUTES"),
		"tags":                       b.Tags("detector"),
	})
	if err != nil {
		return fmt.Errorf("creating GuardDuty detector: %w", err)
	}
	for _, p := range protections {
		if _, err := b.newUntyped(featureToken, "detector-"+p.suffix, pulumi.Map{
			"detectorId": detector.ID(), "name": pulumi.String(p.name), "status": pulumi.String("ENABLED"),
		}); err != nil {
			return fmt.Errorf("enabling GuardDuty %s: %w", p.name, err)
		}
	}
	pattern, err := eventPattern{
		Source: []string{"aws.guardduty"}, DetailType: []string{"GuardDuty Finding"},
		Detail: map[string][]any{"severity": {map[string]any{"numeric": []any{">=", 4}}}},
	}.text()
	if err != nil {
		return fmt.Errorf("encoding pattern of findings: %w", err)
	}
	rule, err := b.newEventRule("findings", "GuardDuty findings of medium severity and above.", pulumi.String(pattern))
	if err != nil {
		return err
	}
	if _, err := cloudwatch.NewEventTarget(b.Ctx, b.Name("findings-topic"), &cloudwatch.EventTargetArgs{
		Rule: rule.Name, Arn: b.args.TopicARN, InputTransformer: b.findingMail(),
	}, b.Options()...); err != nil {
		return fmt.Errorf("sending findings to the topic: %w", err)
	}
	return nil
}

// findingMail is the mail of a finding: what it is about, and the runbook's entry, in place of the event's JSON. EventBridge takes a
// text for a topic only in quotes, on one line (Amazon EventBridge User Guide, "Amazon EventBridge input transformation").
func (b *builder) findingMail() cloudwatch.EventTargetInputTransformerPtrInput {
	text := "GuardDuty has found <type>, severity <severity> of 10, in account <account>, <region>: finding <id>."
	return cloudwatch.EventTargetInputTransformerArgs{
		InputPaths: pulumi.StringMap{
			"type": pulumi.String("$.detail.type"), "severity": pulumi.String("$.detail.severity"), "id": pulumi.String("$.detail.id"),
			"account": pulumi.String("$.account"), "region": pulumi.String("$.region"),
		},
		InputTemplate: pulumi.String(`"` + b.WithRunbook(text, "findings") + `"`),
	}
}

// newInspector lets Amazon Inspector scan the account's instances and images.
func (b *builder) newInspector() error {
	if _, err := b.newUntyped(enablerToken, "inspector", pulumi.Map{
		"accountIds":    pulumi.ToStringArray([]string{b.Stack.AccountID}),
		"resourceTypes": pulumi.ToStringArray([]string{"EC2", "ECR"}),
	}); err != nil {
		return fmt.Errorf("enabling Inspector: %w", err)
	}
	return nil
}
