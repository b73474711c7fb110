package cost

import (
	"errors"
	"fmt"
	"slices"

	"scalable-backend/internal/graph"
)

// The types that are read in more than one place.
const (
	template      = "aws:ec2/launchTemplate:LaunchTemplate"
	scalingGroup  = "aws:autoscaling/group:Group"
	service       = "aws:ecs/service:Service"
	serviceTarget = "aws:appautoscaling/target:Target"
	task          = "aws:ecs/taskDefinition:TaskDefinition"
	database      = "aws:rds/instance:Instance"
	forwarder     = "aws:ec2/instance:Instance"
	endpoint      = "aws:ec2/vpcEndpoint:VpcEndpoint"
	balancer      = "aws:lb/loadBalancer:LoadBalancer"
	webACL        = "aws:wafv2/webAcl:WebAcl"
)

// reader reads a graph and the prices, and keeps what is missing, so that one error names all of it.
type reader struct {
	*graph.Graph
	region *Region
	usage  Usage
	errs   []error
}

func (r *reader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// price returns a price of the region.
func (r *reader) price(name string) float64 {
	usd, err := r.region.price(name)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return usd
}

// off returns the part of the list price that stays after a discount.
func (r *reader) off(name string) float64 {
	part, ok := r.region.Off[name]
	if !ok {
		r.fail("the prices of %s have no discount %q", r.region.Name, name)
	}
	return 1 - part
}

// hourly returns the price of an instance's type or class.
func (r *reader) hourly(table map[string]float64, of graph.Resource, property string) float64 {
	kind, _ := of.Get(property)
	usd, ok := table[fmt.Sprint(kind)]
	if !ok {
		r.fail("%s: no price of %v in %s: add it to internal/cost/prices.yaml", of.Key(), kind, r.region.Name)
	}
	return usd
}

// number reads a number, which some resources take as text.
func (r *reader) number(of graph.Resource, path ...any) (n float64) {
	value, _ := of.Get(path...)
	if _, err := fmt.Sscan(fmt.Sprint(value), &n); err != nil {
		r.fail("%s: %v: want a number, got %v", of.Key(), path, value)
	}
	return n
}

// first returns the first resource of a type, and an empty one where there is none.
func (r *reader) first(token string) (graph.Resource, bool) {
	found := r.OfType(token)
	if len(found) == 0 {
		return graph.Resource{}, false
	}
	return found[0], true
}

func items(of graph.Resource, property string) []any {
	value, _ := of.Get(property)
	list, _ := value.([]any)
	return list
}

// flag tells whether an input is true.
func flag(of graph.Resource, path ...any) bool {
	value, _ := of.Get(path...)
	return value == true
}

func (r *reader) count(token string) float64 { return float64(len(r.OfType(token))) }

// keys returns the type::name of the resources of some types.
func (r *reader) keys(tokens ...string) (keys []string) {
	for _, resource := range r.Resources {
		if slices.Contains(tokens, resource.Type) {
			keys = append(keys, resource.Key())
		}
	}
	return keys
}
