package picture

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/reach"
)

const (
	fleetType    = "aws:autoscaling/group:Group"
	tasksType    = "aws:ecs/service:Service"
	databaseType = "aws:rds/instance:Instance"
	balancerType = "aws:lb/loadBalancer:LoadBalancer"
	endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint"
	instanceType = "aws:ec2/instance:Instance"
	natType      = "aws:ec2/natGateway:NatGateway"
	linkType     = "aws:apigateway/vpcLink:VpcLink"
)

// boxesOf returns the boxes of what the graph has.
func boxesOf(g *graph.Graph, network *reach.Network) []box {
	boxes := []box{
		{id: users, title: "users", lines: []string{"page, client, API"}, style: "outside"},
		{id: gateway, title: "API Gateway", lines: []string{apiLine(g)}, column: 1, style: "edge", members: keys(g, linkType)},
		{id: internet, title: "internet", lines: []string{"AWS's APIs, other agents"}, column: 2, style: "outside"},
		{id: bucket, title: "S3", lines: []string{"files, versioned", "encrypted by a KMS key"}, column: 3, rows: 4, style: "store"},
	}
	for _, b := range []box{balancer(g, false), balancer(g, true), forwarding(g), fleetBox(g), tasksBox(g), endpointsBox(g), databaseBox(g)} {
		if len(b.members) > 0 {
			boxes = append(boxes, b)
		}
	}
	return slices.DeleteFunc(boxes, func(b box) bool { return b.id == gateway && len(b.members) == 0 })
}

func apiLine(g *graph.Graph) string {
	for _, a := range g.OfType("aws:wafv2/webAclAssociation:WebAclAssociation") {
		if strings.Contains(text(a, "resourceArn"), "restapis") {
			return "IAM signatures, firewall"
		}
	}
	return "IAM signatures"
}

func keys(g *graph.Graph, token string) (names []string) {
	for _, r := range g.OfType(token) {
		names = append(names, r.Key())
	}
	return names
}

func balancer(g *graph.Graph, internal bool) box {
	b := box{id: public, title: "load balancer", column: 0, row: 1, style: "edge"}
	if internal {
		b = box{id: private, title: "network load balancer", lines: []string{"private link of the gateway"}, column: 1, row: 2, style: "edge"}
	}
	for _, r := range g.OfType(balancerType) {
		if r.Inputs["internal"] != internal {
			continue
		}
		b.members = append(b.members, r.Key())
		if !internal {
			b.lines = append(b.lines, listeners(g, r))
		}
	}
	return b
}

// listeners names the protocol of a load balancer for people.
func listeners(g *graph.Graph, balancer graph.Resource) string {
	for _, l := range g.OfType("aws:lb/listener:Listener") {
		if l.Inputs["loadBalancerArn"] == balancer.State["arn"] && text(l, "protocol") == "HTTPS" {
			return "HTTPS; plain HTTP is redirected"
		}
	}
	return "plain HTTP, for few addresses"
}

func forwarding(g *graph.Graph) box {
	b := box{id: nat, column: 2, row: 1, style: "edge", members: keys(g, natType), title: "NAT gateway"}
	switch n := len(b.members); {
	case n > 1:
		b.title, b.lines = "NAT gateways", []string{fmt.Sprintf("%d, one in each zone", n)}
	case n == 0:
		b.title, b.members = "NAT instance", keys(g, instanceType)
	}
	return b
}

func fleetBox(g *graph.Graph) box {
	b := box{id: fleet, title: "backend", column: 0, row: 2, style: "compute", members: keys(g, fleetType)}
	for _, group := range g.OfType(fleetType) {
		line := fmt.Sprintf("%v to %v instances", group.Inputs["minSize"], group.Inputs["maxSize"])
		for _, t := range g.OfType("aws:ec2/launchTemplate:LaunchTemplate") {
			line += " " + text(t, "instanceType")
		}
		b.lines = append(b.lines, line)
	}
	return b
}

func tasksBox(g *graph.Graph) box {
	b := box{id: tasks, title: "agents", column: 2, row: 3, style: "compute", members: keys(g, tasksType)}
	for _, t := range g.OfType("aws:appautoscaling/target:Target") {
		b.lines = append(b.lines, fmt.Sprintf("%v to %v Fargate tasks", t.Inputs["minCapacity"], t.Inputs["maxCapacity"]))
	}
	if len(g.OfType("aws:efs/fileSystem:FileSystem")) > 0 {
		b.lines = append(b.lines, "files on EFS")
	}
	return b
}

func endpointsBox(g *graph.Graph) box {
	b := box{id: links, title: "interface endpoints", column: 1, row: 3, style: "edge"}
	var services []string
	for _, e := range g.OfType(endpointType) {
		if text(e, "vpcEndpointType") != "Interface" {
			continue
		}
		_, service, _ := strings.Cut(text(e, "serviceName"), "amazonaws.")
		_, service, _ = strings.Cut(service, ".") // the region
		services = append(services, service)
		b.members = append(b.members, e.Key())
	}
	for len(services) > 0 {
		n := min(2, len(services))
		b.lines = append(b.lines, strings.Join(services[:n], ", "))
		services = services[n:]
	}
	if len(b.lines) > 3 {
		b.lines = append(b.lines[:2], fmt.Sprintf("and %d more", len(b.members)-4))
	}
	return b
}

func databaseBox(g *graph.Graph) box {
	b := box{id: data, title: "PostgreSQL", column: 0, row: 4, style: "store", members: keys(g, databaseType)}
	for _, d := range g.OfType(databaseType) {
		if text(d, "replicateSourceDb") != "" {
			continue
		}
		line := text(d, "instanceClass")
		if d.Inputs["multiAz"] == true {
			line += " and its standby"
		}
		b.lines = append(b.lines, line)
	}
	if n := len(b.members) - len(b.lines); n > 0 {
		b.lines = append(b.lines, fmt.Sprintf("%d read replicas", n))
	}
	return b
}

// captionOf counts what has no place in the picture.
func captionOf(g *graph.Graph) string {
	counts := g.Counts()
	return fmt.Sprintf("and %d alarms, a dashboard, %d log groups, %d KMS keys, %d secrets; %d resources in all",
		counts["aws:cloudwatch/metricAlarm:MetricAlarm"], counts["aws:cloudwatch/logGroup:LogGroup"], counts["aws:kms/key:Key"],
		counts["aws:secretsmanager/secret:Secret"], len(g.Resources))
}
