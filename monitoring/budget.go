package monitoring

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// newBudget watches what the resources with the deployment's tag cost. The tag counts once the owner has activated it as a cost
// allocation tag (see the runbook).
func (b *builder) newBudget() error {
	notification := func(kind string, percent float64) budgets.BudgetNotificationArgs {
		return budgets.BudgetNotificationArgs{
			NotificationType:       pulumi.String(kind),
			ComparisonOperator:     pulumi.String("GREATER_THAN"),
			Threshold:              pulumi.Float64(percent),
			ThresholdType:          pulumi.String("PERCENTAGE"),
			SubscriberSnsTopicArns: pulumi.StringArray{b.args.TopicARN},
		}
	}
	if _, err := budgets.NewBudget(b.Ctx, b.Name("budget"), &budgets.BudgetArgs{
		BudgetType:  pulumi.String("COST"),
		TimeUnit:    pulumi.String("MONTHLY"),
		LimitAmount: pulumi.String(strconv.Itoa(b.args.MonthlyBudgetUSD)),
		LimitUnit:   pulumi.String("USD"),
		CostFilters: budgets.BudgetCostFilterArray{budgets.BudgetCostFilterArgs{
			Name:   pulumi.String("TagKeyValue"),
			Values: pulumi.StringArray{pulumi.String("user:" + stack.DeploymentTag + "$" + b.Stack.Deployment())},
		}},
		Notifications: budgets.BudgetNotificationArray{
			notification("ACTUAL", 80), notification("ACTUAL", 100), notification("FORECASTED", 100),
		},
		Tags: b.Tags("budget"),
	}, b.Options()...); err != nil {
		return fmt.Errorf("creating budget: %w", err)
	}
	return nil
}
