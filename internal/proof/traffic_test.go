package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/reach"
	"scalable-backend/network"
)

// traffic is a configuration's network and the options of the flow table that belong to it.
type traffic struct {
	*plan.Graph
	network *reach.Network
	options network.Options
}

var trafficChecks = []check[traffic]{
	{"hosts have the right group and subnets", hostsHaveGroupAndSubnets},
	{"equals the flow table", equalsFlows},
	{"the database has no way out", databaseHasNoWayOut},
	{"public addresses", publicAddresses},
	{"exits by zone", exitsByZone},
	{"listeners reach their targets", listenersReachTargets},
	{"hosts reach the services that they need", hostsReachServices},
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	everyConfiguration(t, func(t *testing.T, g *plan.Graph, o network.Options) traffic {
		return traffic{g, readNetwork(t, g), o}
	}, trafficChecks)
}

func readNetwork(t *testing.T, g *plan.Graph) *reach.Network {
	t.Helper()
	n, err := reach.Read(g)
	require.NoError(t, err)
	return n
}

// role returns the peer of the flow table that a host is: its one security group decides it.
func role(t *testing.T, h reach.Host) network.Peer {
	t.Helper()
	require.Len(t, h.Groups, 1, h.Name)
	return network.Peer(strings.TrimPrefix(h.Groups[0], "network-"))
}

// expected returns the connections between hosts that the flow table allows. A connection needs a row that lets one host send
// and a row that lets the other receive; usually it is the same row.
func expected(t *testing.T, hosts []reach.Host, flows []network.Flow, vpc string) []reach.Connection {
	t.Helper()
	names := func(p network.Peer, h reach.Host) bool {
		if !p.IsRange() {
			return p == role(t, h)
		}
		return slices.ContainsFunc(h.Ranges(), func(s netip.Prefix) bool { return netip.MustParsePrefix(string(p)).Contains(s.Addr()) })
	}
	own := netip.MustParsePrefix(vpc)
	outside := func(p network.Peer) bool { // a range with addresses outside the VPC
		if !p.IsRange() {
			return false
		}
		r := netip.MustParsePrefix(string(p))
		return r.Bits() < own.Bits() || !own.Contains(r.Addr())
	}
	seen := map[reach.Connection]bool{}
	for _, from := range hosts {
		for _, sent := range flows {
			if sent.From != role(t, from) {
				continue
			}
			if outside(sent.To) {
				seen[reach.Connection{From: from.Name, To: reach.Internet, Protocol: sent.Protocol, Low: sent.Port, High: sent.Port}] = true
			}
			for _, to := range hosts {
				for _, received := range flows {
					if received.To == role(t, to) && names(sent.To, to) && names(received.From, from) &&
						sent.Port == received.Port && sent.Protocol == received.Protocol {
						seen[reach.Connection{From: from.Name, To: to.Name, Protocol: sent.Protocol, Low: sent.Port, High: sent.Port}] = true
					}
				}
			}
		}
	}
	for _, to := range hosts {
		for _, received := range flows {
			if received.To == role(t, to) && outside(received.From) {
				seen[reach.Connection{From: string(received.From), To: to.Name, Protocol: received.Protocol, Low: received.Port,
					High: received.Port}] = true
			}
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// Each kind of host has its own security group and is in its layer's subnets, in every zone where that is intended.
func hostsHaveGroupAndSubnets(t *testing.T, c traffic) {
	places := map[string]struct {
		group network.Peer
		layer string
		zones int // 0: one in each
	}{
		balancerType + "::compute-alb": {network.LoadBalancer, "public", 0},
		balancerType + "::compute-nlb": {network.GatewayLoadBalancer, "backend", 0},
		fleetType:                      {network.Backend, "backend", 0},
		agentsType:                     {network.Agents, "clients", 0},
		databaseType:                   {network.Database, "database", 0},
		endpointType:                   {network.Endpoints, "clients", 0},
		mountType:                      {network.FileSystem, "clients", 1},
		instanceType:                   {network.NATInstance, "public", 1},
	}
	for _, h := range c.network.Hosts {
		token, _, _ := strings.Cut(h.Name, "::")
		place, ok := places[h.Name]
		if !ok {
			place, ok = places[token]
		}
		require.True(t, ok, "no expected group and layer for %s: add them to places", h.Name)
		require.Equal(t, place.group, role(t, h), h.Name)
		zones := place.zones
		if zones == 0 {
			zones = len(named(c.Graph, subnetType, "network-"+place.layer+"-"))
		}
		require.Len(t, h.Subnets, zones, h.Name)
		for _, s := range h.Subnets {
			require.True(t, strings.HasPrefix(s, "network-"+place.layer+"-"), "%s is in %s", h.Name, s)
		}
	}
	require.Len(t, hostsOf(c.network, mountType),
		len(c.OfType("aws:efs/fileSystem:FileSystem"))*len(named(c.Graph, subnetType, "network-clients-")))
}

// The possible connections are exactly those of the flow table.
func equalsFlows(t *testing.T, c traffic) {
	got, err := c.network.Connections()
	require.NoError(t, err)
	vpc := input(t, only(t, c.Graph, "aws:ec2/vpc:Vpc"), "cidrBlock").(string)
	require.ElementsMatch(t, expected(t, c.network.Hosts, network.Flows(c.options), vpc), got)
}

const (
	balancerType = "aws:lb/loadBalancer:LoadBalancer"
	fleetType    = "aws:autoscaling/group:Group"
	agentsType   = "aws:ecs/service:Service"
	databaseType = "aws:rds/instance:Instance"
	mountType    = "aws:efs/mountTarget:MountTarget"
	instanceType = "aws:ec2/instance:Instance"
)

// host returns the only host of a type.
func host(t *testing.T, n *reach.Network, token string) reach.Host {
	t.Helper()
	found := hostsOf(n, token)
	require.Len(t, found, 1, token)
	return found[0]
}

func hostsOf(n *reach.Network, token string) []reach.Host {
	return slices.DeleteFunc(slices.Clone(n.Hosts), func(h reach.Host) bool { return !strings.HasPrefix(h.Name, token+"::") })
}

// The database and its replicas open no connections: their subnets have no route out, and their group allows no egress.
func databaseHasNoWayOut(t *testing.T, c traffic) {
	all, err := c.network.Connections()
	require.NoError(t, err)
	databases := hostsOf(c.network, databaseType)
	require.NotEmpty(t, databases)
	for _, database := range databases {
		require.False(t, database.Public)
		exits, err := c.network.Exits(database)
		require.NoError(t, err)
		require.Empty(t, exits)
		require.False(t, slices.ContainsFunc(all, func(c reach.Connection) bool { return c.From == database.Name }))
		_, err = c.network.S3(database, "s3:GetObject", "arn:aws:s3:::storage-data/any")
		require.ErrorContains(t, err, "may not connect to S3's addresses")
	}
}

// Only hosts that need a public address have one.
func publicAddresses(t *testing.T, c traffic) {
	var public []string
	for _, h := range c.network.Hosts {
		if h.Public {
			public = append(public, string(role(t, h)))
		}
	}
	want := []string{"load-balancer"}
	if len(c.options.NATRanges) > 0 {
		want = append(want, "nat-instance")
	}
	require.ElementsMatch(t, want, public)
}

// With a NAT in each zone, every zone uses its own; otherwise all zones share one.
func exitsByZone(t *testing.T, c traffic) {
	gateways := c.OfType("aws:ec2/natGateway:NatGateway")
	devices := map[string]bool{}
	users := []reach.Host{host(t, c.network, fleetType)}
	if c.options.Agents {
		users = append(users, host(t, c.network, agentsType))
	}
	for _, user := range users {
		exits, err := c.network.Exits(user)
		require.NoError(t, err)
		for _, e := range exits {
			devices[e.Device] = true
			if len(gateways) > 1 {
				require.Equal(t, e.Zone, e.DeviceZone, e.Subnet)
			}
		}
	}
	require.Len(t, devices, max(1, len(gateways)))
}

// Every load balancer may connect to its targets, on the port for requests and health checks, and every port that is open to
// users has a listener.
func listenersReachTargets(t *testing.T, c traffic) {
	fleet := host(t, c.network, fleetType)
	listening := map[string][]int{}
	for _, l := range c.OfType("aws:lb/listener:Listener") {
		balancer := byState(t, c.Graph, balancerType, "arn", input(t, l, "loadBalancerArn"))
		listening[balancer.Key()] = append(listening[balancer.Key()], int(input(t, l, "port").(float64)))
		arn, ok := l.Revealed("defaultActions", 0, "targetGroupArn")
		if !ok {
			continue // the redirect
		}
		i := slices.IndexFunc(c.network.Hosts, func(h reach.Host) bool { return h.Name == balancer.Key() })
		targets := byState(t, c.Graph, "aws:lb/targetGroup:TargetGroup", "arn", arn)
		port := int(input(t, targets, "port").(float64))
		require.True(t, c.network.Opens(c.network.Hosts[i], fleet, port), "%s to port %d", l.Key(), port)
		require.Equal(t, "traffic-port", input(t, targets, "healthCheck", "port"))
	}
	all, err := c.network.Connections()
	require.NoError(t, err)
	public := byState(t, c.Graph, balancerType, "internal", false)
	open := map[string][]int{}
	for _, c := range all {
		if _, err := netip.ParsePrefix(c.From); err == nil && c.To == public.Key() {
			open[c.From] = append(open[c.From], c.Low)
		}
	}
	require.Len(t, open, len(c.options.AllowedCIDRs))
	for source, ports := range open {
		require.ElementsMatch(t, listening[public.Key()], ports, source)
	}
}

func byState(t *testing.T, g *plan.Graph, token, output string, value any) plan.Resource {
	t.Helper()
	for _, r := range g.OfType(token) {
		if r.State[output] == value {
			return r
		}
	}
	t.Fatalf("no %s has the output %s = %v", token, output, value)
	return plan.Resource{}
}

// API Gateway reaches the private load balancer on the port in its integrations.
func TestGatewayReachesTheBackend(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		links, err := readNetwork(t, g).PrivateLink()
		require.NoError(t, err)
		require.Len(t, links, 1)
		api := input(t, only(t, g, "aws:apigateway/restApi:RestApi"), "body").(string)
		var document struct {
			Paths map[string]map[string]struct {
				Integration struct {
					URI            string
					ConnectionType string
				} `json:"x-amazon-apigateway-integration"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(api), &document))
		require.NotEmpty(t, document.Paths)
		for path, methods := range document.Paths {
			for method, operation := range methods {
				require.Equal(t, "VPC_LINK", operation.Integration.ConnectionType, "%s %s", method, path)
				require.Contains(t, operation.Integration.URI, fmt.Sprintf(":%d/", links[0].Low))
			}
		}
	}
}
