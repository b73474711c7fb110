package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	onDemand = "FARGATE"
	spot     = "FARGATE_SPOT"
)

type cluster struct {
	cluster *ecs.Cluster
	ready   []pulumi.Resource // what a service needs of the cluster
}

func (t *tier) newCluster() (*cluster, error) {
	insights := "disabled"
	if t.args.ContainerInsights {
		insights = "enabled"
	}
	c, err := ecs.NewCluster(t.ctx, t.name+"-cluster", &ecs.ClusterArgs{
		Settings: ecs.ClusterSettingArray{ecs.ClusterSettingArgs{
			Name: pulumi.String("containerInsights"), Value: pulumi.String(insights),
		}},
		Tags: t.tags("cluster"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating cluster: %w", err)
	}
	providers, err := ecs.NewClusterCapacityProviders(t.ctx, t.name+"-cluster", &ecs.ClusterCapacityProvidersArgs{
		ClusterName:       c.Name,
		CapacityProviders: pulumi.ToStringArray([]string{onDemand, spot}),
		DefaultCapacityProviderStrategies: ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArray{
			ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs{
				CapacityProvider: pulumi.String(onDemand), Weight: pulumi.Int(1),
			},
		},
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("setting capacity providers of the cluster: %w", err)
	}
	out := &cluster{cluster: c, ready: []pulumi.Resource{providers}}
	if t.args.ContainerInsights {
		// Container Insights writes to a group of this name, from the first task on.
		insights, err := t.newLogGroup("insights", pulumi.Sprintf("/aws/ecs/containerinsights/%s/performance", c.Name))
		if err != nil {
			return nil, err
		}
		out.ready = append(out.ready, insights)
	}
	return out, nil
}
