package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer"
	costtypes "github.com/aws/aws-sdk-go-v2/service/costexplorer/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const topicToken = "aws:sns/topic:Topic"

// checkMails asks which addresses have confirmed their subscription: until then alarms do not reach them.
func checkMails(ctx context.Context, s *subject) ([]Finding, error) {
	wanted := map[string]bool{}
	for _, address := range s.plan.values("aws:sns/topicSubscription:TopicSubscription", "endpoint") {
		wanted[strings.ToLower(address)] = true
	}
	if len(wanted) == 0 {
		return []Finding{ok("monitoring.alertEmails is empty: alarms reach nobody")}, nil
	}
	if s.state == nil {
		return []Finding{warn("", "not checked: Pulumi's state, which names the topic, cannot be read")}, nil
	}
	topics := s.state.of(topicToken)
	if len(topics) == 0 {
		return []Finding{ok("AWS sends a mail to each of %d when the stack is made", len(wanted))}, nil
	}
	var waiting []string
	confirmed := 0
	for _, topic := range topics {
		pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(*s.aws),
			&sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic.ID)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, one := range page.Subscriptions {
				address := aws.ToString(one.Endpoint)
				if !wanted[strings.ToLower(address)] {
					continue
				}
				delete(wanted, strings.ToLower(address))
				if aws.ToString(one.SubscriptionArn) == "PendingConfirmation" {
					waiting = append(waiting, address)
					continue
				}
				confirmed++
			}
		}
	}
	var out []Finding
	if len(waiting) > 0 {
		out = append(out, warn("follow the link in the mail of AWS Notifications; after three days, pulumi up --refresh asks anew",
			"alarms do not reach %s, who did not confirm the subscription", strings.Join(waiting, ", ")))
	}
	if len(wanted) > 0 {
		out = append(out, warn("pulumi up --refresh subscribes again", "%d of monitoring.alertEmails are not subscribed, or have ended it",
			len(wanted)))
	}
	if len(out) == 0 {
		out = append(out, ok("%d confirmed", confirmed))
	}
	return out, nil
}

// checkCostTag asks whether the tag is active by which the budget counts.
func checkCostTag(ctx context.Context, s *subject) ([]Finding, error) {
	if !s.plan.has("aws:budgets/budget:Budget") {
		return []Finding{ok("no budget counts by it")}, nil
	}
	config := s.aws.Copy()
	config.Region = "us-east-1" // the one endpoint of Cost Explorer
	found, err := costexplorer.NewFromConfig(config).ListCostAllocationTags(ctx, &costexplorer.ListCostAllocationTagsInput{
		TagKeys: []string{"deployment"}, Type: costtypes.CostAllocationTagTypeUserDefined,
	})
	if err != nil {
		if text := message(err); strings.Contains(strings.ToLower(text), "linked account") {
			return []Finding{warn("ask whoever has the organisation's management account whether the tag deployment is active",
				"not checked: only the management account may look")}, nil
		}
		return nil, err
	}
	switch {
	case len(found.CostAllocationTags) == 0:
	case found.CostAllocationTags[0].Status == costtypes.CostAllocationTagStatusActive:
		return []Finding{ok("deployment is active")}, nil
	default:
		return []Finding{warn("aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey=deployment,Status=Active",
			"deployment is not active: the budget counts nothing")}, nil
	}
	return []Finding{warn("a day after the first pulumi up, run doctor again",
		"AWS does not know the tag deployment yet: the budget counts nothing")}, nil
}
