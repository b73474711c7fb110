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

// newEventRule creates a rule for the events that a pattern selects, and points to the runbook.
func (b *builder) newEventRule(suffix, description string, pattern pulumi.StringInput) (*cloudwatch.EventRule, error) {
	rule, err := cloudwatch.NewEventRule(b.Ctx, b.Name(suffix), &cloudwatch.EventRuleArgs{
		Description:  pulumi.String(b.WithRunbook(description, suffix)),
		EventPattern: pattern,
		Tags:         b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating event rule %s: %w", suffix, err)
	}
	return rule, nil
}
