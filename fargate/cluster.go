package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// The capacity providers of Fargate.
const (
	onDemand = "FARGATE"
	spot     = "FARGATE_SPOT"
)

// cluster is the ECS cluster, with what has to exist besides before its service.
type cluster struct {
	cluster *ecs.Cluster
	ready   []pulumi.Resource
}

// newCluster creates the cluster and its capacity providers.
func (b *builder) newCluster() (*cluster, error) {
	insights := "disabled"
	if b.args.ContainerInsights {
		insights = "enabled"
	}
	c, err := ecs.NewCluster(b.Ctx, b.Name("cluster"), &ecs.ClusterArgs{
		Settings: ecs.ClusterSettingArray{ecs.ClusterSettingArgs{
			Name: pulumi.String("containerInsights"), Value: pulumi.String(insights),
		}},
		Tags: b.Tags("cluster"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating cluster: %w", err)
	}
	providers, err := ecs.NewClusterCapacityProviders(b.Ctx, b.Name("cluster"), &ecs.ClusterCapacityProvidersArgs{
		ClusterName:       c.Name,
		CapacityProviders: pulumi.ToStringArray([]string{onDemand, spot}),
		DefaultCapacityProviderStrategies: ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArray{
			ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs{
				CapacityProvider: pulumi.String(onDemand), Weight: pulumi.Int(1),
			},
		},
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("setting capacity providers of the cluster: %w", err)
	}
	out := &cluster{cluster: c, ready: []pulumi.Resource{providers}}
	if b.args.ContainerInsights {
		// Container Insights writes to a group of this name, from the first task on.
		insights, err := b.NewLogGroup("insights", component.LogGroup{
			Name:          pulumi.Sprintf("/aws/ecs/containerinsights/%s/performance", c.Name),
			RetentionDays: b.args.LogRetentionDays,
			KeyARN:        b.args.LogsKeyARN,
		})
		if err != nil {
			return nil, err
		}
		out.ready = append(out.ready, insights)
	}
	return out, nil
}
