package cost

import (
	"fmt"
	"strings"
)

// Advice is a change that saves, and how much a month.
type Advice struct {
	Saves float64 `json:"saves"` // USD a month; 0 where it depends
	Text  string  `json:"text"`
}

// advice returns what would make the stack cheaper, or when it would.
func advice(r *reader, e *Estimate) (all []Advice) {
	for _, rule := range []func(*reader, *Estimate) *Advice{natInstance, endpoints, plans, nights, intervals} {
		if a := rule(r, e); a != nil {
			all = append(all, *a)
		}
	}
	return all
}

// usd returns the cost of the lines of a tier whose text begins so.
func (e *Estimate) usd(tier, what string) (sum float64) {
	for _, l := range e.Lines {
		if l.Tier == tier && strings.HasPrefix(l.What, what) {
			sum += l.USD
		}
	}
	return sum
}

func natInstance(r *reader, _ *Estimate) *Advice {
	if r.count("aws:ec2/natGateway:NatGateway") != 1 {
		return nil // in several zones an instance would be one point of failure
	}
	saves := r.price("nat")*Hours - r.region.Instances["t4g.nano"]*Hours - 8*r.price("volume") + r.usage.NATGB*r.price("natTraffic")
	return &Advice{saves, "network.nat: instance replaces the NAT gateway by a t4g.nano, which forwards for nothing and is one point of " +
		"failure"}
}

// endpoints compares interface endpoints with the NAT at the given traffic. A GB through an endpoint costs less.
func endpoints(r *reader, _ *Estimate) *Advice {
	n := interfaces(r).Count
	each := r.price("endpoint") * Hours
	gain := r.price("natTraffic") - r.price("endpointTraffic")
	if r.count("aws:ec2/natGateway:NatGateway") == 0 {
		return nil
	}
	if n == 0 {
		zones := float64(len(zones(r.Graph)))
		return &Advice{0, fmt.Sprintf("an interface endpoint costs %.2f in each zone and pays from %.0f GB a month that leave by it and not by "+
			"the NAT (%g through the NAT now)", each, zones*each/gain, r.usage.NATGB)}
	}
	even := n * each / gain
	if r.usage.NATGB >= even {
		return nil
	}
	return &Advice{n*each - r.usage.NATGB*gain, fmt.Sprintf("network.interfaceEndpoints: [] lets their traffic take the NAT; they pay "+
		"from %.0f GB a month (%g assumed), and are there for isolation too", even, r.usage.NATGB)}
}

func plans(r *reader, e *Estimate) *Advice {
	saves := e.usd("compute", "instances")*(1-r.off("instancePlan")) + e.usd("fargate", "tasks")*(1-r.off("taskPlan"))
	return &Advice{saves, "about that takes a Compute Savings Plan of a year, without upfront payment, off instances and tasks that run all " +
		"the time"}
}

// nights: 60 of a week's 168 hours remain. Storage and what scales with nothing stay.
func nights(r *reader, e *Estimate) *Advice {
	for _, d := range r.OfType(database) {
		if flag(d, "deletionProtection") {
			return nil // production
		}
	}
	const off = 1 - 60.0/168
	saves := (e.usd("compute", "instances") + e.usd("fargate", "tasks") + e.usd("database", "instances")) * off
	return &Advice{saves, "instances, tasks and database off at night and on weekends (60 of 168 hours on)"}
}

// intervals: agents that ask half as often.
func intervals(r *reader, e *Estimate) *Advice {
	_, first, _, _ := fleetOfTasks(r)
	calls := r.calls(r.usage.Agents+first) / 1e6
	each := r.price("apiCalls")
	if r.count(webACL) > 0 {
		each += r.price("webRequests")
	}
	if calls == 0 {
		return nil
	}
	return &Advice{calls / 2 * each, fmt.Sprintf("agents that ask and renew half as often, every %.0f s, make %.3g million calls less of "+
		"%.3g: wait_s of the API and the time of a lease set that, and a killed agent's jobs then wait twice as long", 2*PollInterval.Seconds(),
		calls/2, calls)}
}
