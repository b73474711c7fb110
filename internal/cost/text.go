package cost

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteJSON writes the estimate as one indented JSON object.
func (e *Estimate) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(e)
}

// biggest is how many lines the text shows apart.
const biggest = 10

// WriteText writes the estimate for people: the sum, the biggest lines, every line by tier, the cost of a TB, and advice.
func (e *Estimate) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: about %.0f USD a month, %.0f to %.0f with scaling and Spot (list prices of %s)\n", e.Stack, e.Region, e.USD,
		e.Low, e.High, e.Date)
	if e.Budget > 0 {
		fmt.Fprintf(&b, "budget: %.0f USD (monitoring.monthlyBudgetUsd)\n", e.Budget)
	}
	fmt.Fprintf(&b, "\nThe biggest lines\n")
	for _, l := range e.Biggest(biggest) {
		fmt.Fprintf(&b, "  %9.2f  %3.0f %%  %s: %s\n", l.USD, 100*l.USD/e.USD, l.Tier, l.What)
	}
	for _, tier := range e.Tiers() {
		fmt.Fprintf(&b, "\n%-78s %9.2f%s\n", tier.Tier, tier.USD, span(tier))
		for _, l := range e.Lines {
			if l.Tier == tier.Tier && l.High > 0 {
				fmt.Fprintf(&b, "  %-52s %23s %9.2f%s\n", l.What, amount(l), l.USD, span(l))
				writeResources(&b, l)
			}
		}
	}
	fmt.Fprintf(&b, "\nA TB delivered\n")
	for _, way := range e.Delivered {
		fmt.Fprintf(&b, "  %9.2f  to %s, %s\n", way.USD, way.To, way.How)
	}
	fmt.Fprintf(&b, "\nWhat would cost less, USD a month\n")
	for _, a := range e.Advice {
		saves := "         "
		if a.Saves > 0 {
			saves = fmt.Sprintf("%9.2f", a.Saves)
		}
		fmt.Fprintf(&b, "  %s  %s\n", saves, a.Text)
	}
	fmt.Fprintf(&b, "\nBilled by use, and not estimated\n")
	for _, u := range e.Unpriced {
		fmt.Fprintf(&b, "  %s: %s\n", u.Type, u.Why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// amount returns a line's count and the price of one.
func amount(l Line) string {
	return strings.TrimSpace(fmt.Sprintf("%.4g %s", l.Count, l.Unit)) + " x " + Cents(l.Each)
}

// Cents returns a price with two digits behind the point, three where the third is not 0.
func Cents(usd float64) string { return strings.TrimSuffix(fmt.Sprintf("%.3f", usd), "0") }

func span(l Line) string {
	if l.High-l.Low < 0.005 {
		return ""
	}
	return fmt.Sprintf("  (%.2f to %.2f)", l.Low, l.High)
}

// writeResources names what a line is for, if that is not too much.
func writeResources(b *strings.Builder, l Line) {
	var names []string
	for _, key := range l.Resources {
		_, name, _ := strings.Cut(key, "::")
		names = append(names, name)
	}
	names = slices.Compact(names)
	if len(names) > 4 {
		names = append(names[:3], fmt.Sprintf("and %d more", len(names)-3))
	}
	if len(names) > 0 {
		fmt.Fprintf(b, "    %s\n", strings.Join(names, ", "))
	}
}
