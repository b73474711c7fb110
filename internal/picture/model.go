// Package picture draws a planned graph as a picture of the architecture: the hosts in the layers of the network, and the connections
// that security groups and routes allow between them.
package picture

import (
	"fmt"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/reach"
)

// box is one part of the picture, at a place of its grid.
type box struct {
	id          string
	title       string
	lines       []string
	column, row int
	rows        int      // how many rows it is high
	style       string   // class in the style sheet
	members     []string // type::name of the hosts that it stands for
}

// arrow is a connection between two boxes, by id, along a way of its own where a straight one would cross other boxes.
type arrow struct {
	from, to string
	label    string
	way      way
	dashed   bool
}

// way says how an arrow runs.
type way int

const (
	straight way = iota
	above        // up into the gap above its beginning, then across, then to its end
	below        // the same with the gap below
	over         // across the top of the picture
)

// drawing is all that is drawn.
type drawing struct {
	title   string
	layers  []layer
	boxes   []box
	arrows  []arrow
	caption string
}

// layer is a row of subnets.
type layer struct {
	name    string
	subnets []string // their ranges and zones
}

// The rows of the grid. The first one is outside the network.
var layerRows = []string{"public", "backend", "clients", "database"}

const (
	users    = "users"
	gateway  = "gateway"
	internet = "internet"
	bucket   = "bucket"
	public   = "public"
	private  = "private"
	fleet    = "fleet"
	tasks    = "tasks"
	nat      = "nat"
	links    = "links"
	data     = "data"
)

// model reads the drawing from a graph.
func model(g *graph.Graph) (*drawing, error) {
	network, err := reach.Read(g)
	if err != nil {
		return nil, fmt.Errorf("drawing: %w", err)
	}
	connections, err := network.Connections()
	if err != nil {
		return nil, fmt.Errorf("drawing: %w", err)
	}
	private, err := network.PrivateLink()
	if err != nil {
		return nil, fmt.Errorf("drawing: %w", err)
	}
	d := &drawing{title: g.Project + ", stack " + g.Stack, layers: layersOf(g), boxes: boxesOf(g, network), caption: captionOf(g)}
	d.arrows = arrowsOf(d.boxes, append(connections, private...))
	d.bytes(network)
	return d, nil
}

func layersOf(g *graph.Graph) (layers []layer) {
	for _, name := range layerRows {
		l := layer{name: name}
		for _, s := range g.OfType("aws:ec2/subnet:Subnet") {
			if strings.HasPrefix(s.Name, "network-"+name+"-") {
				zone := text(s, "availabilityZone")
				l.subnets = append(l.subnets, text(s, "cidrBlock")+" in "+zone[max(len(zone)-1, 0):])
			}
		}
		layers = append(layers, l)
	}
	return layers
}

// arrowsOf returns the arrows that the connections allow.
func arrowsOf(boxes []box, connections []reach.Connection) (arrows []arrow) {
	member := map[string]string{}
	for _, b := range boxes {
		for _, m := range b.members {
			member[m] = b.id
		}
	}
	ports := map[[2]string][]string{}
	for _, c := range connections {
		from, to := member[c.From], member[c.To]
		switch {
		case c.To == reach.Internet:
			to = nat
		case from == "" && strings.Contains(c.From, "/") && !strings.Contains(c.From, "::"):
			from = users
		}
		at := [2]string{from, to}
		if port := fmt.Sprint(c.Low); from != "" && to != "" && from != to && !strings.Contains(strings.Join(ports[at], " "), port) {
			ports[at] = append(ports[at], port)
		}
	}
	for _, known := range []arrow{
		{from: users, to: public}, {from: gateway, to: private}, {from: public, to: fleet}, {from: private, to: fleet},
		{from: fleet, to: data, way: straight}, {from: fleet, to: links, way: below}, {from: tasks, to: links},
		{from: fleet, to: nat, way: above}, {from: tasks, to: nat},
	} {
		if list := ports[[2]string{known.from, known.to}]; len(list) > 0 {
			known.label = strings.Join(list, ", ")
			arrows = append(arrows, known)
		}
	}
	return arrows
}

// bytes adds what passes outside the network: the ways of files, and the calls of agents.
func (d *drawing) bytes(network *reach.Network) {
	has := map[string]bool{}
	for _, b := range d.boxes {
		has[b.id] = true
	}
	add := func(a arrow) {
		if has[a.from] && has[a.to] {
			d.arrows = append(d.arrows, a)
		}
	}
	add(arrow{from: nat, to: internet})
	add(arrow{from: users, to: bucket, label: "files, by presigned URL", way: over, dashed: true})
	add(arrow{from: internet, to: gateway, label: "signed calls", dashed: true})
	for _, h := range network.Hosts {
		for id, token := range map[string]string{fleet: fleetType, tasks: tasksType} {
			if !strings.HasPrefix(h.Name, token+"::") {
				continue
			}
			through, err := network.S3(h, "s3:GetObject", "arn:aws:s3:::storage-data/file")
			if err != nil || !strings.HasPrefix(through, endpointType) {
				continue // by the NAT, or not at all
			}
			if id == fleet {
				add(arrow{from: fleet, to: bucket, label: "by the S3 endpoint", way: below, dashed: true})
			} else {
				add(arrow{from: tasks, to: bucket, label: "files", dashed: true})
			}
		}
	}
}

func text(r graph.Resource, input string) string {
	s, _ := r.Inputs[input].(string)
	return s
}
