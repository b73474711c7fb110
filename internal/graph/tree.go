package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteTree writes the graph as text: for each tier the resources of each type with their number, then the outputs.
func (g *Graph) WriteTree(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (stack %s)\n", g.Project, g.Stack)
	types := map[string]bool{}
	tiers := 0
	list := g.Tiers()
	slices.SortStableFunc(list, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	for _, tier := range list {
		below := g.Under(tier.Key())
		if !tier.Custom {
			tiers++
		}
		fmt.Fprintf(&b, "\n%s  %s, %s\n", tier.Name, tier.Type, plural(len(below), "resource"))
		g.writeLevel(&b, tier.Key(), "  ")
	}
	for _, r := range g.Resources {
		types[r.Type] = true
	}
	fmt.Fprintf(&b, "\nTotal: %s of %s in %s\n", plural(len(g.Resources), "resource"), plural(len(types), "type"), plural(tiers, "tier"))
	fmt.Fprintf(&b, "\nOutputs\n")
	for _, name := range slices.Sorted(maps.Keys(g.Outputs)) {
		fmt.Fprintf(&b, "  %s: %s\n", name, show(g.Outputs[name]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeLevel writes the children of a resource, grouped by type; a child that has children is not grouped.
func (g *Graph) writeLevel(b *strings.Builder, key, indent string) {
	children := g.Children(key)
	names := map[string][]string{}
	for _, r := range children {
		if len(g.Children(r.Key())) == 0 {
			names[r.Type] = append(names[r.Type], label(r))
		}
	}
	for _, token := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(b, "%-52s %3d  %s\n", indent+Short(token), len(names[token]), wrap(names[token], 58))
	}
	for _, r := range children {
		if len(g.Children(r.Key())) > 0 {
			fmt.Fprintf(b, "%-52s %3d  %s\n", indent+Short(r.Type), 1, label(r))
			g.writeLevel(b, r.Key(), indent+"  ")
		}
	}
}

// label returns a resource's name with its important options.
func label(r Resource) string {
	var marks []string
	if r.Protect {
		marks = append(marks, "protected")
	}
	if r.RetainOnDelete {
		marks = append(marks, "retained")
	}
	if len(marks) == 0 {
		return r.Name
	}
	return r.Name + " (" + strings.Join(marks, ", ") + ")"
}

// Short shortens a token: aws:ec2/vpc:Vpc becomes aws ec2 Vpc.
func Short(token string) string {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return token
	}
	module, _, _ := strings.Cut(parts[1], "/")
	if module == "index" {
		return parts[0] + " " + parts[2]
	}
	return parts[0] + " " + module + " " + parts[2]
}

const width = 132

// wrap joins names with commas and breaks lines at the page's width.
func wrap(names []string, indent int) string {
	var b strings.Builder
	column := indent
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if i > 0 && column+1+len(name) > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		} else if i > 0 {
			b.WriteString(" ")
			column++
		}
		b.WriteString(name)
		column += len(name)
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// show returns an output's value as text.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if v["secret"] == true && len(v) == 1 {
			return "[secret]"
		}
		if v["unknown"] == true && len(v) == 1 {
			return "[known after the update]"
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
