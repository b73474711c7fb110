package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// order is the order in which actions are listed: the dangerous ones first.
var order = []Action{Delete, Replace, Create, Update, Keep}

var signs = map[Action]string{Delete: "-", Replace: "-/+", Create: "+", Update: "~", Keep: "="}

// Summary counts the actions on resources.
func (d *Diff) Summary() string {
	if d.Empty() {
		return "no difference"
	}
	var parts []string
	for _, action := range order {
		if n := len(d.Keys(action)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, action))
		}
	}
	if n := len(d.Outputs); n > 0 {
		parts = append(parts, plural(n, "output")+" different")
	}
	if n := len(d.Lookups); n > 0 {
		parts = append(parts, plural(n, "lookup")+" different")
	}
	return strings.Join(parts, ", ")
}

// WriteText writes the diff as text: one line for each resource and, below it, one for each property.
func (d *Diff) WriteText(w io.Writer) error {
	var b strings.Builder
	list := slices.Clone(d.Resources)
	slices.SortStableFunc(list, func(x, y Change) int {
		return cmp.Compare(slices.Index(order, x.Action), slices.Index(order, y.Action))
	})
	for _, c := range list {
		fmt.Fprintf(&b, "%s %s %s (%s)\n", signs[c.Action], Short(c.Type), c.Name, strings.Join(c.Remarks(), "; "))
		writeProperties(&b, readable(c.Properties))
	}
	if len(d.Outputs) > 0 {
		b.WriteString("outputs\n")
		writeProperties(&b, d.Outputs)
	}
	if len(d.Lookups) > 0 {
		b.WriteString("lookups\n")
		writeProperties(&b, d.Lookups)
	}
	b.WriteString(d.Summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Remarks says in words what happens to the resource.
func (c Change) Remarks() []string {
	remarks := []string{string(c.Action)}
	if c.Action == Keep {
		remarks[0] = "nothing changes in AWS"
	}
	if c.Refused() {
		remarks = append(remarks, "REFUSED: it is protected")
	}
	if c.DeletedFirst {
		remarks = append(remarks, "the old one is deleted before the new one is created")
	}
	if c.Retained && (c.Action == Delete || c.Action == Replace) {
		remarks = append(remarks, "the old one stays in AWS, unmanaged")
	}
	if c.Unreviewed && c.Action != Create && c.Action != Delete {
		remarks = append(remarks, "not reviewed: it may be replaced")
	}
	return remarks
}

// readable leaves out property dependencies, which dependsOn contains too.
func readable(properties []Property) []Property {
	if !slices.ContainsFunc(properties, func(p Property) bool { return p.Option && p.Path == "dependsOn" }) {
		return properties
	}
	return slices.DeleteFunc(slices.Clone(properties), func(p Property) bool {
		return p.Option && strings.HasPrefix(p.Path, "propertyDependencies.")
	})
}

// linesEach limits the properties of a resource and the items of a list in the text. The JSON form has all.
const linesEach = 12

func writeProperties(b *strings.Builder, properties []Property) {
	for i, p := range properties {
		if i == linesEach && len(properties) > linesEach+1 {
			fmt.Fprintf(b, "      and %d more\n", len(properties)-i)
			return
		}
		var why []string
		if p.Replaces {
			why = append(why, "replaces")
		}
		if p.Follows {
			why = append(why, "follows")
		}
		if p.Ignored {
			why = append(why, "ignored")
		}
		if p.Option {
			why = append(why, "option")
		}
		reason := ""
		if len(why) > 0 {
			reason = " [" + strings.Join(why, ", ") + "]"
		}
		fmt.Fprintf(b, "      %s%s: %s\n", p.Path, reason, p.Change())
	}
}

// Change returns a property's two values as text; for two lists of plain values only the items that are in one of them.
func (p Property) Change() string {
	before, isList := p.Before.([]any)
	after, alsoList := p.After.([]any)
	if !isList || !alsoList {
		a, b := p.Before, p.After
		if x, ok := a.(string); ok {
			if y, ok := b.(string); ok {
				a, b = apart(x, y)
			}
		}
		return brief(a) + " -> " + brief(b)
	}
	var parts []string
	for _, item := range before {
		if missing([]any{item}, after) {
			parts = append(parts, "- "+brief(item))
		}
	}
	for _, item := range after {
		if missing([]any{item}, before) {
			parts = append(parts, "+ "+brief(item))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("the same items in another order or number (%d -> %d)", len(before), len(after))
	}
	if len(parts) > linesEach+1 {
		parts = append(parts[:linesEach], fmt.Sprintf("and %d more", len(parts)-linesEach))
	}
	if len(parts) > 2 {
		return "\n          " + strings.Join(parts, "\n          ")
	}
	return strings.Join(parts, "  ")
}

// apart cuts the common beginning of two long texts to a few characters, so that the difference is visible.
func apart(a, b string) (string, string) {
	const context = 24
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	if n <= 2*context || len(x) < 80 && len(y) < 80 {
		return a, b
	}
	return "..." + string(x[n-context:]), "..." + string(y[n-context:])
}

// brief returns a value as JSON, cut to fit on a line.
func brief(value any) string {
	if value == nil {
		return "(none)"
	}
	if object, ok := value.(map[string]any); ok && len(object) == 1 {
		switch {
		case object["secret"] == true:
			return "[secret]"
		case object["unknown"] == true:
			return "[known after the update]"
		}
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return fmt.Sprint(value)
	}
	runes := []rune(strings.TrimSpace(text.String()))
	if len(runes) > 100 {
		return string(runes[:97]) + "..."
	}
	return string(runes)
}

// WriteJSON writes the diff as one indented JSON object.
func (d *Diff) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return fmt.Errorf("encoding the diff: %w", err)
	}
	return nil
}

// missing tells whether one of the items is not among the others.
func missing(items, others []any) bool {
	return slices.ContainsFunc(items, func(item any) bool {
		return !slices.ContainsFunc(others, func(other any) bool { return reflect.DeepEqual(item, other) })
	})
}
