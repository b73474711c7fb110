package proof

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/reach"
)

const (
	ingressType  = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	egressType   = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint"
	routeType    = "aws:ec2/route:Route"
)

// Each change opens or closes a connection. It must show in the list of connections, or as an error of package reach.
func TestTrafficNoticesChanges(t *testing.T) {
	t.Parallel()
	want := lines(t, readNetwork(t, planned(t, "prod")))
	for _, c := range []struct {
		notice string
		change func(*plan.Graph)
	}{
		{"backend > database tcp 5432", func(g *plan.Graph) { drop(g, ingressType, "network-backend-to-database-5432-in") }},
		{"load-balancer > backend tcp 8080", func(g *plan.Graph) { drop(g, egressType, "network-load-balancer-to-backend-8080-out") }},
		{"agents > backend tcp 443", func(g *plan.Graph) {
			add(t, g, ingressType, "network-backend-to-endpoints-443-in", map[string]any{
				"securityGroupId": "sg-network-backend", "referencedSecurityGroupId": "sg-network-agents",
			})
		}},
		{"agents > backend tcp 443", func(g *plan.Graph) {
			add(t, g, ingressType, "network-backend-to-endpoints-443-in", map[string]any{
				"securityGroupId": "sg-network-backend", "referencedSecurityGroupId": nil, "cidrIpv4": "10.10.0.0/16", "ipProtocol": "-1",
			})
		}},
		{"agents > internet tcp 80", func(g *plan.Graph) { set(t, g, egressType, "network-agents-to-anywhere-443-out", "fromPort", 80.0) }},
		{"backend > internet tcp 443", func(g *plan.Graph) { drop(g, routeType, "network-backend-routes-b-default") }},
		{"0.0.0.0/0 > load-balancer tcp 443", func(g *plan.Graph) { set(t, g, balancerType, "compute-alb", "internal", true) }},
		{"which forwards nothing", func(g *plan.Graph) {
			set(t, g, routeType, "network-clients-routes-a-default", "natGatewayId", "nat-gone")
		}},
		{"which has no way to the internet itself", func(g *plan.Graph) {
			set(t, g, "aws:ec2/natGateway:NatGateway", "network-nat-a", "subnetId", "subnet-network-backend-a")
		}},
		{"which has no way to the internet itself", func(g *plan.Graph) { drop(g, routeType, "network-public-routes-default") }},
		{"database > internet tcp 443", func(g *plan.Graph) {
			set(t, g, "aws:rds/subnetGroup:SubnetGroup", "database-subnets", "subnetIds", []any{"subnet-network-backend-a"})
			add(t, g, egressType, "network-backend-to-anywhere-443-out", map[string]any{"securityGroupId": "sg-network-database"})
		}},
		{"agents > agents tcp 443", func(g *plan.Graph) {
			add(t, g, ingressType, "network-backend-to-endpoints-443-in", map[string]any{
				"securityGroupId": "sg-network-agents", "referencedSecurityGroupId": "sg-network-agents",
			})
		}},
		{"backend > database tcp 5432", func(g *plan.Graph) {
			set(t, g, databaseType, "database-instance", "vpcSecurityGroupIds", []any{"sg-network-agents"})
		}},
		{"has no route table of the program's", func(g *plan.Graph) {
			drop(g, "aws:ec2/routeTableAssociation:RouteTableAssociation", "network-database-a-routes")
		}},
		{"it has no security group", func(g *plan.Graph) { set(t, g, balancerType, "compute-nlb", "securityGroups", []any{}) }},
		{"covers a part of", func(g *plan.Graph) {
			set(t, g, egressType, "network-agents-to-anywhere-443-out", "cidrIpv4", "10.10.128.0/24")
		}},
		{"input egress is not modelled", func(g *plan.Graph) {
			set(t, g, "aws:ec2/securityGroup:SecurityGroup", "network-backend", "egress", []any{})
		}},
		{"the type is not modelled", func(g *plan.Graph) {
			g.Resources = append(g.Resources, plan.Resource{Type: "aws:ec2/networkAcl:NetworkAcl", Name: "acl", Custom: true})
		}},
		{"its type is not modelled", func(g *plan.Graph) {
			g.Resources = append(g.Resources, plan.Resource{
				Type: "aws:lambda/function:Function", Name: "code", Custom: true,
				Inputs: map[string]any{"vpcConfig": map[string]any{"subnetIds": []any{"subnet-network-backend-a"}}},
			})
		}},
	} {
		g := changeable(planned(t, "prod"))
		c.change(g)
		n, err := reach.Read(g)
		if err == nil {
			_, err = n.Connections()
		}
		if err != nil {
			require.ErrorContains(t, err, c.notice)
			continue
		}
		require.Contains(t, difference(want, lines(t, n)), c.notice)
	}
}

// difference returns the items that are in only one of two lists.
func difference(a, b []string) []string {
	only := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	return slices.Concat(only(a, b), only(b, a))
}

// Each change blocks hosts from a service that they need, and unreachable must report it.
func TestUnreachableServicesAreReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		notice string
		change func(*plan.Graph)
	}{
		{"to which the name of logs resolves", func(g *plan.Graph) {
			set(t, g, endpointType, "network-endpoint-logs", "securityGroupIds", []any{"sg-network-database"})
		}},
		{"to which the name of execute-api resolves", func(g *plan.Graph) {
			set(t, g, endpointType, "network-endpoint-logs", "serviceName", "com.amazonaws.us-east-1.execute-api")
			set(t, g, endpointType, "network-endpoint-logs", "securityGroupIds", []any{"sg-network-database"})
		}},
		{"has no way to execute-api", func(g *plan.Graph) { drop(g, egressType, "network-agents-to-anywhere-443-out") }},
		{"does not allow account 123456789012 logs:AnyAction", func(g *plan.Graph) {
			r, _ := g.Find(endpointType, "network-endpoint-logs")
			r.Inputs["policy"] = strings.Replace(r.Inputs["policy"].(string), "123456789012", "210987654321", 1)
		}},
		{"has no way to ssm", func(g *plan.Graph) { drop(g, routeType, "network-backend-routes-a-default") }},
		{"has the S3 endpoint in 1 of 3 subnets", func(g *plan.Graph) {
			set(t, g, endpointType, "network-s3", "routeTableIds", []any{"rtb-network-backend-routes-a", "rtb-network-clients-routes-a"})
		}},
		{"does not allow everybody s3:GetObject", func(g *plan.Graph) {
			set(t, g, endpointType, "network-s3", "policy", `{"Version": "2012-10-17", "Statement": []}`)
		}},
		{"its policy denies everybody s3:PutObject", func(g *plan.Graph) {
			r, _ := g.Find(endpointType, "network-s3")
			r.Inputs["policy"] = strings.Replace(r.Inputs["policy"].(string), `"Statement":[`,
				`"Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:Put*"],"Resource":["*"]},`, 1)
		}},
	} {
		g := changeable(planned(t, "prod"))
		c.change(g)
		require.Contains(t, strings.Join(unreachable(t, g), "\n"), c.notice)
	}
}

// changeable returns a copy of a graph whose resources and inputs can be changed.
func changeable(g *plan.Graph) *plan.Graph {
	copied := *g
	copied.Resources = slices.Clone(g.Resources)
	for i, r := range copied.Resources {
		copied.Resources[i].Inputs = maps.Clone(r.Inputs)
	}
	return &copied
}

func drop(g *plan.Graph, token, name string) {
	g.Resources = slices.DeleteFunc(g.Resources, func(r plan.Resource) bool { return r.Type == token && r.Name == name })
}

func set(t *testing.T, g *plan.Graph, token, name, key string, value any) {
	t.Helper()
	r, ok := g.Find(token, name)
	require.True(t, ok, name)
	r.Inputs[key] = value
}

// add adds a copy of a resource with some other inputs; nil removes an input.
func add(t *testing.T, g *plan.Graph, token, name string, change map[string]any) {
	t.Helper()
	r, ok := g.Find(token, name)
	require.True(t, ok, name)
	inputs := maps.Clone(r.Inputs)
	for key, value := range change {
		if inputs[key] = value; value == nil {
			delete(inputs, key)
		}
	}
	r.Inputs, r.Name = inputs, r.Name+"-too"
	g.Resources = append(g.Resources, r)
}
