package reach

import (
	"fmt"
	"slices"
	"strings"
)

const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint"

// https is the port of every AWS API.
const https = 443

type gatewayEndpoint struct {
	name   string
	tables []string
	policy []statement
}

type serviceEndpoint struct {
	name, service string
	policy        []statement // nil allows everything
}

func (n *Network) readEndpoints() error {
	for _, r := range n.graph.OfType(endpointType) {
		_, service, _ := strings.Cut(text(r, "serviceName"), "com.amazonaws.")
		_, service, _ = strings.Cut(service, ".") // the region
		switch kind := text(r, "vpcEndpointType"); {
		case kind == "Gateway" && service == "s3" && n.s3 == nil:
			n.s3 = &gatewayEndpoint{name: r.Key(), tables: list(r.Inputs["routeTableIds"])}
			var err error
			if n.s3.policy, err = readPolicy(r); err != nil {
				return err
			}
		case kind == "Interface":
			e := serviceEndpoint{name: r.Key(), service: service}
			if _, ok := r.Inputs["policy"]; ok {
				var err error
				if e.policy, err = readPolicy(r); err != nil {
					return err
				}
			}
			// Without private DNS no name resolves to the endpoint.
			if r.Inputs["privateDnsEnabled"] == true && n.dns {
				n.endpoints = append(n.endpoints, e)
			}
		default:
			return fmt.Errorf("%s: a %s endpoint of %q is not modelled", r.Key(), kind, service)
		}
	}
	return nil
}

// Service returns the endpoint or NAT through which a host reaches the API of an AWS service, such as "ecr.api". If there is an
// endpoint with private DNS, it is the only way: the service's name resolves to it even if it does not accept the host.
func (n *Network) Service(h Host, service string) (string, error) {
	for _, e := range n.endpoints {
		if e.service != service {
			continue
		}
		i := slices.IndexFunc(n.Hosts, func(h Host) bool { return h.Name == e.name })
		if !open(n.between(h, n.Hosts[i]), https) {
			return "", fmt.Errorf("%s cannot connect to %s, to which the name of %s resolves", h.Name, e.name, service)
		}
		if e.policy != nil {
			// An action that no policy names: endpoint policies should limit accounts, not actions.
			if err := allows(e.policy, service+":AnyAction", "arn:any", n.account); err != nil {
				return "", fmt.Errorf("%s: %w", e.name, err)
			}
		}
		return e.name, nil
	}
	out, err := n.toInternet(h)
	if err != nil {
		return "", fmt.Errorf("%s to %s: %w", h.Name, service, err)
	}
	if !open(out, https) {
		return "", fmt.Errorf("%s has no way to %s: no endpoint, and no way out on port 443", h.Name, service)
	}
	exits, err := n.Exits(h)
	if err != nil {
		return "", err
	}
	var ways []string
	for _, e := range exits {
		ways = append(ways, e.Device)
	}
	slices.Sort(ways)
	return strings.Join(slices.Compact(ways), ", "), nil
}

// S3 returns the endpoint or NAT for a host's action on a bucket or object of its region; it does not evaluate the role's
// policies. If the host's route tables have a gateway endpoint, it is the only way.
func (n *Network) S3(h Host, action, arn string) (string, error) {
	behind := 0
	for _, s := range h.subnets {
		if n.s3 != nil && slices.Contains(n.s3.tables, s.table) {
			behind++
		}
	}
	switch behind {
	case 0:
		return n.Service(h, "s3")
	case len(h.subnets):
	default:
		return "", fmt.Errorf("%s has the S3 endpoint in %d of %d subnets", h.Name, behind, len(h.subnets))
	}
	// The endpoint's addresses are S3's public ones.
	var out []ports
	for _, g := range h.groups {
		for _, r := range g.egress {
			if r.cidr == everywhere {
				out = append(out, r.ports)
			}
		}
	}
	if !open(out, https) {
		return "", fmt.Errorf("%s may not connect to S3's addresses", h.Name)
	}
	if err := allows(n.s3.policy, action, arn, ""); err != nil {
		return "", fmt.Errorf("%s: %w", n.s3.name, err)
	}
	return n.s3.name, nil
}

func open(passes []ports, port int) bool {
	return slices.ContainsFunc(passes, func(p ports) bool {
		return (p.protocol == "tcp" || p.protocol == "-1") && p.low <= port && port <= p.high
	})
}

// PrivateLink returns the load balancers of the API's VPC links, with their listeners' ports. It refuses a load balancer that
// enforces its security group on PrivateLink traffic, because no rule allows the addresses of API Gateway.
func (n *Network) PrivateLink() ([]Connection, error) {
	var found []Connection
	for _, link := range n.graph.OfType("aws:apigateway/vpcLink:VpcLink") {
		for _, balancer := range n.graph.OfType("aws:lb/loadBalancer:LoadBalancer") {
			if balancer.State["arn"] != link.Inputs["targetArn"] {
				continue
			}
			if text(balancer, "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic") != "off" {
				return nil, fmt.Errorf("%s enforces its security group on the traffic of %s", balancer.Key(), link.Key())
			}
			for _, l := range n.graph.OfType("aws:lb/listener:Listener") {
				if l.Inputs["loadBalancerArn"] == balancer.State["arn"] {
					port, _ := l.Inputs["port"].(float64)
					found = append(found, Connection{link.Key(), balancer.Key(), "tcp", int(port), int(port)})
				}
			}
		}
	}
	return found, nil
}
