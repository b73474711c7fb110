package review

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/reach"
)

// reachable returns who can newly reach whom, and who no longer can.
func reachable(before, after *graph.Graph) ([]Item, error) {
	old, err := connections(before)
	if err != nil {
		return nil, fmt.Errorf("who reaches whom, before: %w", err)
	}
	now, err := connections(after)
	if err != nil {
		return nil, fmt.Errorf("who reaches whom, after: %w", err)
	}
	var items []Item
	for _, c := range now {
		if !slices.ContainsFunc(old, func(o reach.Connection) bool { return includes(o, c) }) {
			items = append(items, item("%s can newly reach %s on %s", end(c.From), end(c.To), ports(c)))
		}
	}
	for _, c := range old {
		if !slices.ContainsFunc(now, func(n reach.Connection) bool { return includes(n, c) }) {
			items = append(items, item("%s can no longer reach %s on %s", end(c.From), end(c.To), ports(c)))
		}
	}
	return append(items, exposed(before, after)...), nil
}

// connections lists what can be reached, the gateway's private link included.
func connections(g *graph.Graph) ([]reach.Connection, error) {
	if len(g.OfType("aws:ec2/vpc:Vpc")) == 0 {
		return nil, nil
	}
	n, err := reach.Read(g)
	if err != nil {
		return nil, err
	}
	all, err := n.Connections()
	if err != nil {
		return nil, err
	}
	links, err := n.PrivateLink()
	return append(all, links...), err
}

// exposed returns the hosts that get or lose a public address. Both networks could be read.
func exposed(before, after *graph.Graph) (items []Item) {
	old, now := public(before), public(after)
	for _, name := range now {
		if !slices.Contains(old, name) {
			items = append(items, item("%s has a public address now", end(name)))
		}
	}
	for _, name := range old {
		if !slices.Contains(now, name) {
			items = append(items, item("%s has no public address any more", end(name)))
		}
	}
	return items
}

func public(g *graph.Graph) (names []string) {
	n, err := reach.Read(g)
	if err != nil {
		return nil // a graph without a network
	}
	for _, h := range n.Hosts {
		if h.Public {
			names = append(names, h.Name)
		}
	}
	return names
}

// includes tells whether one connection allows all that another does.
func includes(wide, narrow reach.Connection) bool {
	return within(wide.From, narrow.From) && within(wide.To, narrow.To) && (wide.Protocol == "-1" || wide.Protocol == narrow.Protocol) &&
		wide.Low <= narrow.Low && narrow.High <= wide.High
}

func within(outer, inner string) bool {
	if outer == inner {
		return true
	}
	a, errA := netip.ParsePrefix(outer)
	b, errB := netip.ParsePrefix(inner)
	return errA == nil && errB == nil && a.Bits() <= b.Bits() && a.Contains(b.Addr())
}

// end names one end of a connection.
func end(name string) string {
	token, short, isResource := strings.Cut(name, "::")
	switch {
	case isResource:
		return graph.Short(token) + " " + short
	case name == "0.0.0.0/0":
		return "everybody (0.0.0.0/0)"
	case name == reach.Internet:
		return "the internet"
	}
	return name
}

func ports(c reach.Connection) string {
	switch {
	case c.Protocol == "-1":
		return "every port"
	case c.Low == c.High:
		return fmt.Sprintf("%s %d", c.Protocol, c.Low)
	}
	return fmt.Sprintf("%s %d-%d", c.Protocol, c.Low, c.High)
}
