package cost

import (
	"fmt"
	"slices"
	"strings"
)

// Table returns the Markdown table of the lines that do not come from use, of several estimates side by side. All have the same lines.
func Table(estimates ...*Estimate) string {
	var out strings.Builder
	out.WriteString("| tier | what | a month each |")
	for _, e := range estimates {
		fmt.Fprintf(&out, " %s | |", e.Stack)
	}
	out.WriteString("\n|---|---|---|" + strings.Repeat("---|---|", len(estimates)) + "\n")
	last := ""
	for i, l := range estimates[0].Lines {
		if l.Tier != last && last != "" {
			writeSums(&out, last, estimates)
		}
		if cells := cellsOf(i, estimates); cells != "" && !l.Used {
			tier := ""
			if l.Tier != last {
				tier = l.Tier
			}
			fmt.Fprintf(&out, "| %s | %s | %s\n", tier, l.What, cells)
		}
		last = l.Tier
	}
	writeSums(&out, last, estimates)
	writeSums(&out, "", estimates)
	return out.String()
}

// cellsOf returns the prices, counts and amounts of a line, "" if no estimate has any.
func cellsOf(i int, estimates []*Estimate) string {
	var prices, cells []string
	none := true
	for _, e := range estimates {
		l := e.Lines[i]
		none = none && l.Count == 0
		if price := Cents(l.Each); len(prices) == 0 || prices[0] != price {
			prices = append(prices, price)
		}
		cells = append(cells, strings.TrimSpace(fmt.Sprintf("%g %s", l.Count, l.Unit)), fmt.Sprintf("%.2f", l.USD))
	}
	if none {
		return ""
	}
	return strings.Join(prices, " / ") + " | " + strings.Join(cells, " | ") + " |"
}

// writeSums writes the sums of a tier, "" for all of them.
func writeSums(out *strings.Builder, tier string, estimates []*Estimate) {
	name := tier
	if name == "" {
		name = "together"
	}
	fmt.Fprintf(out, "| | **%s** | |", name)
	for _, e := range estimates {
		fmt.Fprintf(out, " | **%.0f** |", e.FixedOf(tier))
	}
	out.WriteString("\n")
}

// FixedOf returns the sum of a tier's lines that do not come from use; of all lines with "".
func (e *Estimate) FixedOf(tier string) (usd float64) {
	for _, l := range e.Lines {
		if !l.Used && (tier == "" || l.Tier == tier) {
			usd += l.USD
		}
	}
	return usd
}

// UseTable returns the Markdown table of a region's prices for what is used.
func UseTable(r *Region) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "| what | USD |\n|---|---|\n")
	for _, row := range []struct {
		what   string
		prices []string
	}{
		{"a GB out to the internet", []string{"internet"}},
		{"a GB through a NAT gateway (images, AWS's APIs; not S3, which has an endpoint of its own)", []string{"natTraffic"}},
		{"a GB through an interface endpoint", []string{"endpointTraffic"}},
		{"a GB between two zones, in each direction", []string{"zones"}},
		{"a GB in S3, a month; 1,000 writes; 1,000 reads", []string{"stored", "writes", "reads"}},
		{"a GB of logs, and of flow logs", []string{"logs"}},
		{"a million calls at the API; a million requests at the firewall", []string{"apiCalls", "webRequests"}},
		{"a capacity unit of a load balancer (25 new connections a second, or 1 GB an hour), an hour; at the gateway's",
			[]string{"applicationUnit", "networkUnit"}},
	} {
		var cells []string
		for _, name := range row.prices {
			usd, err := r.price(name)
			if err != nil {
				return "", err
			}
			cells = append(cells, fmt.Sprintf("%.4g", usd))
		}
		fmt.Fprintf(&out, "| %s | %s |\n", row.what, strings.Join(cells, "; "))
	}
	return out.String(), nil
}

// Examples returns the Markdown table of what some uses add to a stack that nobody uses: each name with its estimate.
func Examples(idle *Estimate, names []string, estimates []*Estimate) string {
	var out strings.Builder
	out.WriteString("| a month of | adds | of which |\n|---|---|---|\n")
	for i, e := range estimates {
		more := Estimate{Lines: slices.Clone(e.Lines)}
		for j := range more.Lines {
			more.Lines[j].USD -= idle.Lines[j].USD
		}
		var parts []string
		for _, l := range more.Biggest(3) {
			if l.USD >= 0.5 {
				parts = append(parts, fmt.Sprintf("%s %.0f", l.What, l.USD))
			}
		}
		fmt.Fprintf(&out, "| %s | %.0f | %s |\n", names[i], e.USD-idle.USD, strings.Join(parts, ", "))
	}
	return out.String()
}

// DeliveredTable returns the Markdown table of what a TB costs on each way.
func DeliveredTable(e *Estimate) string {
	var out strings.Builder
	out.WriteString("| a TB to | USD | how |\n|---|---|---|\n")
	for _, way := range e.Delivered {
		fmt.Fprintf(&out, "| %s | %.2f | %s |\n", way.To, way.USD, way.How)
	}
	return out.String()
}

// AdviceTable returns the Markdown table of the advice for some stacks.
func AdviceTable(estimates ...*Estimate) string {
	var out strings.Builder
	out.WriteString("| stack | saves | how |\n|---|---|---|\n")
	for _, e := range estimates {
		for _, a := range e.Advice {
			saves := ""
			if a.Saves > 0 {
				saves = fmt.Sprintf("%.2f", a.Saves)
			}
			fmt.Fprintf(&out, "| %s | %s | %s |\n", e.Stack, saves, a.Text)
		}
	}
	return out.String()
}
