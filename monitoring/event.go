package monitoring

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// eventPattern selects events of AWS's services on the account's default bus.
type eventPattern struct {
	Source     []string         `json:"source"`
	DetailType []string         `json:"detail-type"`
	Resources  []string         `json:"resources,omitempty"` // ARNs
	Detail     map[string][]any `json:"detail,omitempty"`    // by field: the values, or conditions, that match
}

func (p eventPattern) text() (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

// eventRule creates a rule for the events that a pattern selects, and points to the runbook.
func (b *builder) eventRule(suffix, means string, pattern pulumi.StringInput) (*cloudwatch.EventRule, error) {
	child := b.child(suffix)
	rule, err := cloudwatch.NewEventRule(b.ctx, child, &cloudwatch.EventRuleArgs{
		Description:  pulumi.String(means + " Runbook: " + Runbook + suffix),
		EventPattern: pattern,
		Tags:         b.tags(child),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("creating event rule %s: %w", suffix, err)
	}
	return rule, nil
}
