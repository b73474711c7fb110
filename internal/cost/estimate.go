package cost

import (
	"cmp"
	"errors"
	"slices"

	"scalable-backend/internal/graph"
)

// Line is one line of a bill, in USD a month.
type Line struct {
	Tier      string   `json:"tier"`
	What      string   `json:"what"`
	Resources []string `json:"resources,omitempty"` // type::name of what is billed
	Count     float64  `json:"count"`
	Unit      string   `json:"unit,omitempty"` // of the count
	Each      float64  `json:"each"`           // of one
	USD       float64  `json:"usd"`
	Low       float64  `json:"low"` // least that scaling and Spot make of it
	High      float64  `json:"high"`
	Used      bool     `json:"used,omitempty"` // it comes from use, not from the graph alone
}

// Estimate is the month of a stack.
type Estimate struct {
	Stack     string    `json:"stack"`
	Region    string    `json:"region"`
	Date      string    `json:"pricesOf"`
	Lines     []Line    `json:"lines"` // in the order of the tiers
	USD       float64   `json:"usd"`   // with what is planned to run at first, on demand
	Low       float64   `json:"low"`
	High      float64   `json:"high"`
	Budget    float64   `json:"budget,omitempty"` // monitoring.monthlyBudgetUsd, 0 without one
	Delivered []Way     `json:"perTB"`
	Advice    []Advice  `json:"advice"`
	Unpriced  []Unknown `json:"byUse,omitempty"` // what is billed by a use that nobody can foresee
}

// Unknown is a type that is planned and billed by a use that is not estimated.
type Unknown struct {
	Type string `json:"type"`
	Why  string `json:"why"`
}

// Of estimates a graph.
func Of(g *graph.Graph, prices Prices, usage Usage) (*Estimate, error) {
	name := regionOf(g)
	if name == "" {
		return nil, errors.New("estimating: the graph has no subnet with a zone, which says its region")
	}
	region, err := prices.Of(name)
	if err != nil {
		return nil, err
	}
	r := &reader{Graph: g, region: region, usage: usage}
	e := &Estimate{Stack: g.Stack, Region: region.Name, Date: region.Date, Budget: budget(r)}
	for _, row := range rows {
		line := row.line(r)
		line.Tier, line.What, line.Unit, line.Used = row.tier, row.what, row.unit, row.used
		if line.Resources == nil {
			line.Resources = r.keys(row.types...)
		}
		e.Lines = append(e.Lines, line)
		e.USD, e.Low, e.High = e.USD+line.USD, e.Low+line.Low, e.High+line.High
	}
	for _, token := range slices.Sorted(slices.Values(tokens(g))) {
		if why, ok := byUse[token]; ok {
			e.Unpriced = append(e.Unpriced, Unknown{token, why})
		} else if !Known(token) {
			r.fail("type %s has neither a price nor a reason why it is free: see internal/cost/types.go", token)
		}
	}
	e.Delivered = ways(r)
	e.Advice = advice(r, e)
	return e, r.err()
}

func tokens(g *graph.Graph) []string {
	var all []string
	for token := range g.Counts() {
		all = append(all, token)
	}
	return all
}

// zones returns the zones of the subnets.
func zones(g *graph.Graph) (all []string) {
	for _, s := range g.OfType("aws:ec2/subnet:Subnet") {
		if zone, _ := s.Inputs["availabilityZone"].(string); len(zone) > 1 && !slices.Contains(all, zone) {
			all = append(all, zone)
		}
	}
	return all
}

// regionOf reads the region from the zone of a subnet: a zone is the region and a letter.
func regionOf(g *graph.Graph) string {
	for _, zone := range zones(g) {
		return zone[:len(zone)-1]
	}
	return ""
}

func budget(r *reader) float64 {
	b, ok := r.first("aws:budgets/budget:Budget")
	if !ok {
		return 0
	}
	return r.number(b, "limitAmount")
}

// Tiers returns the tiers in their order, with the sum of each.
func (e *Estimate) Tiers() (tiers []Line) {
	for _, l := range e.Lines {
		i := slices.IndexFunc(tiers, func(t Line) bool { return t.Tier == l.Tier })
		if i < 0 {
			i, tiers = len(tiers), append(tiers, Line{Tier: l.Tier})
		}
		tiers[i].USD, tiers[i].Low, tiers[i].High = tiers[i].USD+l.USD, tiers[i].Low+l.Low, tiers[i].High+l.High
	}
	return tiers
}

// Biggest returns up to n lines, the dearest first.
func (e *Estimate) Biggest(n int) []Line {
	lines := slices.DeleteFunc(slices.Clone(e.Lines), func(l Line) bool { return l.USD == 0 })
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(b.USD, a.USD) })
	return lines[:min(n, len(lines))]
}
