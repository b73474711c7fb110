package config

import (
	"strings"

	"scalable-backend/network"
)

// Network is the object under "network".
type Network struct {
	CIDR               string
	AZCount            int
	NAT                string // "instance", "single" or "one-per-az"
	InterfaceEndpoints []string
	FlowLogs           bool
}

func (n *Network) settings() []*setting {
	return []*setting{
		text("network.cidr", &n.CIDR, "10.20.0.0/16", "172.20.0.0/18", "a private IPv4 range from /16 to /23", network.ValidateCIDR).
			means("The VPC's address range. It is divided for four zones from the beginning, so `azCount` can grow later. Choose it " +
				"before the first update: see [below](#what-stays)."),
		integer("network.azCount", &n.AZCount, 2, 2, 4).
			means("Availability zones in use: the first by name that have Fargate and current instance types. Growing it moves no " +
				"existing subnet. Lowering it: see [below](#what-stays)."),
		choice("network.nat", &n.NAT, "single", "instance", "single", "one-per-az").
			means("How private subnets reach the internet. `instance`: one small instance, the cheapest, refused in production. " +
				"`single`: one NAT gateway; when its zone fails, no zone gets out. `one-per-az`: a gateway in each zone."),
		list("network.interfaceEndpoints", &n.InterfaceEndpoints, "a list of "+strings.Join(endpointServices, ", "), "secretsmanager",
			validEndpoint).
			means("AWS services that are reached by a private address instead of the NAT. Each costs about as much as a quarter of " +
				"a NAT gateway in every zone, and lets identities of the stack's own account through only. `execute-api` is not " +
				"offered: it would take the public API's name inside the VPC."),
		boolean("network.flowLogs", &n.FlowLogs, true).
			means("Records accepted and rejected connections in CloudWatch Logs, for `monitoring.logRetentionDays`."),
	}
}
