package network

import (
	"fmt"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"scalable-backend/internal/infratest"
)

const componentKey = Token + "::network"

const (
	typeVPC          = "aws:ec2/vpc:Vpc"
	typeSubnet       = "aws:ec2/subnet:Subnet"
	typeTable        = "aws:ec2/routeTable:RouteTable"
	typeRoute        = "aws:ec2/route:Route"
	typeAssociation  = "aws:ec2/routeTableAssociation:RouteTableAssociation"
	typeInternet     = "aws:ec2/internetGateway:InternetGateway"
	typeDefaultGroup = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	typeGroup        = "aws:ec2/securityGroup:SecurityGroup"
	typeIngress      = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	typeEgress       = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	typeGateway      = "aws:ec2/natGateway:NatGateway"
	typeAddress      = "aws:ec2/eip:Eip"
	typeInstance     = "aws:ec2/instance:Instance"
	typeEndpoint     = "aws:ec2/vpcEndpoint:VpcEndpoint"
	typeFlowLog      = "aws:ec2/flowLog:FlowLog"
	typeLogGroup     = "aws:cloudwatch/logGroup:LogGroup"
	typeAlarm        = "aws:cloudwatch/metricAlarm:MetricAlarm"
	typeRole         = "aws:iam/role:Role"
	typePolicy       = "aws:iam/policy:Policy"
	typeAttachment   = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
)

// development and production return Args like those of the two stacks.
func development() *Args {
	stack := infratest.Stack()
	stack.Disposable = true
	return &Args{
		Stack: stack, CIDR: "10.20.0.0/16", Zones: []string{"eu-central-1a", "eu-central-1b"}, NAT: NATSingle,
		FlowLogs: true, LogRetentionDays: 14, LogsKeyARN: pulumi.String("arn:aws:kms:eu-central-1:123456789012:key/logs"),
		BackendPort: 8080, GatewayPort: 8081, Agents: true,
		BucketARNs:    []pulumi.StringInput{pulumi.String("arn:aws:s3:::data")},
		AlarmTopicARN: pulumi.String("arn:aws:sns:eu-central-1:123456789012:alerts"),
	}
}

func production() *Args {
	args := development()
	args.Stack.Disposable = false
	args.CIDR, args.Zones = "10.10.0.0/16", []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}
	args.NAT, args.LogRetentionDays = NATPerZone, 365
	args.InterfaceEndpoints = []string{"ecr.api", "ecr.dkr", "logs", "secretsmanager"}
	args.AllowedCIDRs, args.HTTPS = []string{"0.0.0.0/0"}, true
	return args
}

func deploy(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "network", args)
		return err
	})
	graph.RequireDescend(t, componentKey)
	requireInvariants(t, graph, args)
	return graph
}

// requireInvariants checks what must be true for every network.
func requireInvariants(t *testing.T, graph *infratest.Graph, args *Args) {
	t.Helper()
	for _, subnet := range graph.OfType(typeSubnet) {
		assert.False(t, subnet.Bool(t, "mapPublicIpOnLaunch"), subnet.Name)
	}
	for _, group := range graph.OfType(typeGroup) {
		assert.NotContains(t, group.Inputs, "ingress", group.Name)
		assert.NotContains(t, group.Inputs, "egress", group.Name)
		assert.NotEmpty(t, group.String(t, "description"), group.Name)
	}
	closed := graph.Only(t, typeDefaultGroup)
	assert.NotContains(t, closed.Inputs, "ingress")
	assert.NotContains(t, closed.Inputs, "egress")
	for _, route := range graph.OfType(typeRoute) {
		assert.NotContains(t, route.Name, "database", "the database layer has no way to the internet")
	}
	for _, r := range graph.Resources {
		if tags, ok := r.Get("tags"); ok {
			assert.Equal(t, map[string]any{
				"Name": tags.(map[string]any)["Name"], "project": infratest.Project, "stack": infratest.StackID,
				"deployment": "scalable-backend-test", "tier": "network", "managed-by": "pulumi",
			}, tags, r.Key())
		}
		stands := r.Type == typeVPC || r.Type == typeSubnet
		assert.Equal(t, stands && !args.Stack.Disposable, r.Protect, r.Key())
	}
	requireRulesEqualFlows(t, graph, args)
}

// counts returns the expected number of resources of each type.
func counts(args *Args) map[string]int {
	zones, gateways := len(args.Zones), args.NAT.Gateways(len(args.Zones))
	targets := args.NAT.Addresses(zones) // of the default routes of backend and clients
	want := map[string]int{
		typeVPC: 1, typeInternet: 1, typeDefaultGroup: 1, typeSubnet: layers * zones, typeAssociation: layers * zones,
		typeTable: 2 + 2*targets, typeRoute: 1 + 2*targets, typeAddress: targets, typeEndpoint: 1 + len(args.InterfaceEndpoints),
		typeFlowLog: 1, typeLogGroup: 1, typeRole: 1, typePolicy: 1, typeAttachment: 1,
	}
	if gateways > 0 {
		want[typeGateway] = gateways
	} else {
		want[typeInstance], want[typeAlarm] = 1, 2
	}
	groups := map[Peer]bool{}
	for _, flow := range Flows(optionsOf(args)) {
		if !flow.To.IsRange() {
			groups[flow.To] = true
			want[typeIngress]++
		}
		if !flow.From.IsRange() {
			groups[flow.From] = true
			want[typeEgress]++
		}
	}
	want[typeGroup] = len(groups)
	return want
}

func TestDevelopmentWithOneGateway(t *testing.T) {
	args := development()
	graph := deploy(t, args)
	graph.RequireCounts(t, counts(args))
	graph.RequireNames(t, typeSubnet, "network-public-a", "network-public-b", "network-backend-a", "network-backend-b",
		"network-clients-a", "network-clients-b", "network-database-a", "network-database-b")
	graph.RequireNames(t, typeTable, "network-public-routes", "network-backend-routes", "network-clients-routes", "network-database-routes")
	graph.RequireNames(t, typeRoute, "network-public-routes-default", "network-backend-routes-default", "network-clients-routes-default")
	graph.RequireNames(t, typeGateway, "network-nat-a")

	vpc := graph.Only(t, typeVPC)
	assert.Equal(t, "10.20.0.0/16", vpc.String(t, "cidrBlock"))
	assert.True(t, vpc.Bool(t, "enableDnsSupport"))
	assert.True(t, vpc.Bool(t, "enableDnsHostnames"))
	subnet := graph.Find(t, typeSubnet, "network-clients-b")
	assert.Equal(t, "10.20.144.0/20", subnet.String(t, "cidrBlock"))
	assert.Equal(t, "eu-central-1b", subnet.String(t, "availabilityZone"))

	public := graph.Find(t, typeRoute, "network-public-routes-default")
	assert.Equal(t, "0.0.0.0/0", public.String(t, "destinationCidrBlock"))
	assert.Contains(t, public.Inputs, "gatewayId")
	gateway := graph.Only(t, typeGateway)
	for _, name := range []string{"network-backend-routes-default", "network-clients-routes-default"} {
		assert.Contains(t, graph.Find(t, typeRoute, name).DependsOn, gateway.Key(), name)
	}
	assert.Contains(t, gateway.DependsOn, public.Key(), "a NAT gateway needs a route to the internet")
	assert.Contains(t, graph.Only(t, typeAddress).DependsOn, typeInternet+"::network-internet")
	assert.Equal(t, "vpc", graph.Only(t, typeAddress).String(t, "domain"))

	outputs := graph.Outputs(t, componentKey)
	assert.Equal(t, "", outputs["SecurityGroups.FileSystem"])
	assert.Equal(t, "", outputs["SecurityGroups.Endpoints"])
	assert.Equal(t, "10.20.0.0/16", outputs["CIDR"])
	assert.Len(t, outputs["DatabaseSubnetIDs"], 2)
	assert.Len(t, outputs["NATGatewayIDs"], 1)
	assert.Len(t, outputs["NATAddresses"], NATSingle.Addresses(2))
}

func TestProduction(t *testing.T) {
	args := production()
	graph := deploy(t, args)
	graph.RequireCounts(t, counts(args))
	graph.RequireNames(t, typeGateway, "network-nat-a", "network-nat-b", "network-nat-c")
	for _, layer := range []string{"backend", "clients"} {
		for _, zone := range []string{"a", "b", "c"} {
			route := graph.Find(t, typeRoute, fmt.Sprintf("network-%s-routes-%s-default", layer, zone))
			assert.Contains(t, route.DependsOn, typeGateway+"::network-nat-"+zone, "each zone must use its own gateway")
			association := graph.Find(t, typeAssociation, fmt.Sprintf("network-%s-%s-routes", layer, zone))
			assert.Contains(t, association.DependsOn, route.Key(), "a subnet must not get a route table before its default route exists")
		}
	}
	for _, zone := range []string{"a", "b", "c"} {
		subnet := graph.Find(t, typeGateway, "network-nat-"+zone)
		assert.Equal(t, "subnet-network-public-"+zone, subnet.String(t, "subnetId"))
	}
}

// A resource that uses a subnet's id must wait for the subnet's routes and S3 endpoint.
func TestSubnetIDsWaitForTheirRoutes(t *testing.T) {
	const probe = "aws:ec2/networkInterface:NetworkInterface"
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		n, err := New(ctx, "network", development())
		if err != nil {
			return err
		}
		for layer, ids := range map[string]pulumi.StringArrayOutput{
			"public": n.PublicSubnetIDs, "backend": n.BackendSubnetIDs, "clients": n.ClientSubnetIDs, "database": n.DatabaseSubnetIDs,
		} {
			var state pulumi.CustomResourceState
			if err := ctx.RegisterResource(probe, layer, pulumi.Map{"subnetId": ids.Index(pulumi.Int(1))}, &state); err != nil {
				return err
			}
		}
		return nil
	})
	for _, layer := range []string{"public", "backend", "clients", "database"} {
		needs := graph.Find(t, probe, layer)
		assert.Equal(t, "subnet-network-"+layer+"-b", needs.String(t, "subnetId"))
		assert.Contains(t, needs.DependsOn, typeAssociation+"::network-"+layer+"-b-routes")
		if layer != "database" {
			assert.Contains(t, needs.DependsOn, typeRoute+"::network-"+layer+"-routes-default")
		}
		if layer == "backend" || layer == "clients" {
			assert.Contains(t, needs.DependsOn, typeEndpoint+"::network-s3")
		}
	}
}

func TestTwoZonesMayHaveAGatewayEach(t *testing.T) {
	args := development()
	args.NAT = NATPerZone
	graph := deploy(t, args)
	graph.RequireNames(t, typeGateway, "network-nat-a", "network-nat-b")
	graph.Find(t, typeRoute, "network-backend-routes-b-default")
}
