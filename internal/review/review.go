// Package review says what a reviewer must see of a change: first what matters to security, then what is replaced, refused or ignored,
// then what it costs, and last all the rest.
package review

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalable-backend/internal/cost"
	"scalable-backend/internal/graph"
)

// Item is one sentence of a report. Its arguments come from the program and are shown as they are, never as markup.
type Item struct {
	format string
	args   []string
}

func item(format string, args ...string) Item { return Item{format, args} }

// String returns the sentence as text.
func (i Item) String() string {
	args := make([]any, len(i.args))
	for n, arg := range i.args {
		args[n] = plain(arg)
	}
	return fmt.Sprintf(i.format, args...)
}

// MarshalJSON writes the sentence as text.
func (i Item) MarshalJSON() ([]byte, error) { return marshal(i.String()) }

// Report is what a change does to one stack.
type Report struct {
	Stack string `json:"stack"`
	// Failed says why there is nothing to compare with; the rest is empty then.
	Failed string `json:"failed,omitempty"`
	// Unjudged are parts of the security that could not be compared, and why.
	Unjudged []Item `json:"unjudged"`
	Security []Item `json:"security"` // reach, permissions, rules, waivers, settings, in this order
	// Refused are changes that the engine refuses, Replaced those that destroy something.
	Images   []Item      `json:"images"` // other code that runs
	Refused  []Item      `json:"refused"`
	Replaced []Item      `json:"replaced"`
	Ignored  []Item      `json:"ignored"` // values that are wanted and will not apply
	Cost     *CostChange `json:"cost,omitempty"`
	Diff     *graph.Diff `json:"diff,omitempty"`
}

// CostChange compares two months.
type CostChange struct {
	Before float64    `json:"before"` // USD a month
	After  float64    `json:"after"`
	Lines  []CostLine `json:"lines"` // the largest change first
	// Unknown says why there are no amounts.
	Unknown string `json:"unknown,omitempty"`
}

// CostLine is a line of which the amount changes, in USD a month.
type CostLine struct {
	Tier   string  `json:"tier"`
	What   string  `json:"what"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Options says what a report needs beside the graphs.
type Options struct {
	Prices cost.Prices
	Usage  cost.Usage
	// Waivers are what Waivers says of the files with exceptions.
	Waivers []Item
}

// New reports a change. The graphs need ids (shape.Restore gives them to one from a file).
func New(before, after *graph.Graph, diff *graph.Diff, o Options) *Report {
	r := &Report{Stack: after.Stack, Diff: diff}
	for _, compare := range []func(before, after *graph.Graph) ([]Item, error){reachable, permitted, ruled} {
		found, err := compare(before, after)
		if err != nil {
			r.Unjudged = append(r.Unjudged, item("%s", err.Error()))
		}
		r.Security = append(r.Security, found...)
	}
	r.Security = append(r.Security, o.Waivers...)
	r.Security = append(r.Security, settings(diff)...)
	r.Refused, r.Replaced, r.Ignored = actions(diff)
	for _, p := range diff.Outputs {
		if p.Path == "agentImage" || p.Path == "backendImage" {
			r.Images = append(r.Images, item("%s: %s", p.Path, p.Change()))
		}
	}
	r.Cost = costs(before, after, o)
	return r
}

// Quiet tells whether there is nothing that a reviewer must see.
func (r *Report) Quiet() bool {
	return r.Failed == "" && len(r.Unjudged)+len(r.Security)+len(r.Images)+len(r.Refused)+len(r.Replaced)+len(r.Ignored) == 0 &&
		(r.Cost == nil || r.Cost.Unknown == "" && len(r.Cost.Lines) == 0)
}

// Title is the report in one line.
func (r *Report) Title() string {
	if r.Failed != "" {
		return r.Stack + ": there is nothing to compare with"
	}
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(len(r.Unjudged), "part of the security not judged", "parts of the security not judged")
	add(len(r.Security), "change of security", "changes of security")
	add(len(r.Images), "other image", "other images")
	add(len(r.Refused), "change refused", "changes refused")
	add(len(r.Replaced), "resource replaced or deleted", "resources replaced or deleted")
	add(len(r.Ignored), "value that will not apply", "values that will not apply")
	if r.Cost != nil && r.Cost.Unknown == "" && len(r.Cost.Lines) > 0 {
		parts = append(parts, fmt.Sprintf("%+.2f USD a month", r.Cost.After-r.Cost.Before))
	}
	if len(parts) == 0 {
		if r.Diff.Empty() {
			return r.Stack + ": no difference"
		}
		return r.Stack + ": nothing that matters to security, data or cost (" + r.Diff.Summary() + ")"
	}
	return r.Stack + ": " + strings.Join(parts, ", ")
}

// actions returns what is refused, what is destroyed, and what is ignored.
func actions(d *graph.Diff) (refused, replaced, ignored []Item) {
	for _, c := range dataFirst(d.Resources) {
		name := graph.Short(c.Type) + " " + c.Name
		remarks := strings.Join(c.Remarks(), "; ")
		switch {
		case c.Refused():
			refused = append(refused, item("%s would be "+map[graph.Action]string{graph.Delete: "deleted", graph.Replace: "replaced"}[c.Action]+
				", which is refused, as it is protected"+because(c), append([]string{name}, reasons(c)...)...))
		case (c.Action == graph.Delete || c.Action == graph.Replace) && !slices.Contains(routine, c.Type):
			replaced = append(replaced, item("%s ("+remarks+")"+because(c), append([]string{name}, reasons(c)...)...))
		}
		for _, p := range c.Properties {
			if p.Ignored {
				ignored = append(ignored, item("%s keeps its %s: it is ignored after creation, so %s will not apply", name, p.Path, p.Change()))
			}
		}
	}
	return refused, replaced, ignored
}

// routine are types of which a replacement is a new version, and those whose meaning is compared: who reaches whom, who may do what.
var routine = []string{
	"aws:ecs/taskDefinition:TaskDefinition", "aws:apigateway/deployment:Deployment", attachmentType,
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
}

// holders are types with data in them: their loss is named first.
var holders = []string{
	database, "aws:s3/bucketV2:BucketV2", "aws:efs/fileSystem:FileSystem", "aws:kms/key:Key", "aws:secretsmanager/secret:Secret",
	"aws:ecr/repository:Repository", "aws:cloudwatch/logGroup:LogGroup",
}

// dataFirst returns the changes of holders of data before those of other resources.
func dataFirst(changes []graph.Change) []graph.Change {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b graph.Change) int {
		return cmp.Compare(rank(a.Type), rank(b.Type))
	})
	return changes
}

func rank(token string) int {
	if i := slices.Index(holders, token); i >= 0 {
		return i
	}
	return len(holders)
}

// most is how many causes a line names.
const most = 3

// because returns the words for the causes of a replacement, and reasons the causes.
func because(c graph.Change) string {
	n := min(len(causes(c)), most)
	if n == 0 {
		return ""
	}
	return ": " + strings.TrimSuffix(strings.Repeat("%s, ", n), ", ")
}

func reasons(c graph.Change) []string {
	list := causes(c)
	return list[:min(len(list), most)]
}

func causes(c graph.Change) (list []string) {
	for _, p := range c.Properties {
		if p.Replaces {
			list = append(list, p.Path+" "+p.Change())
		}
	}
	return list
}

// effective returns the graph after the update with the values that stay because they are ignored after creation.
func effective(before, after *graph.Graph) *graph.Graph {
	out := *after
	out.Resources = slices.Clone(after.Resources)
	for i, r := range out.Resources {
		old, ok := before.Find(r.Type, r.Name)
		if !ok || len(r.IgnoreChanges) == 0 {
			continue
		}
		r.Inputs = maps.Clone(r.Inputs)
		for _, key := range r.IgnoreChanges {
			if value, ok := old.Inputs[key]; ok {
				r.Inputs[key] = value
			}
		}
		out.Resources[i] = r
	}
	return &out
}

// costs compares the months, of which one may have no price.
func costs(before, after *graph.Graph, o Options) *CostChange {
	if o.Prices == nil {
		return nil
	}
	old, errOld := cost.Of(before, o.Prices, o.Usage)
	now, errNow := cost.Of(effective(before, after), o.Prices, o.Usage)
	if err := errors.Join(errOld, errNow); err != nil {
		if errOld != nil && errNow != nil && errOld.Error() == errNow.Error() {
			err = errNow
		}
		return &CostChange{Unknown: err.Error()}
	}
	c := &CostChange{Before: old.USD, After: now.USD, Lines: []CostLine{}}
	for i, l := range now.Lines {
		if change := l.USD - old.Lines[i].USD; change > 0.005 || change < -0.005 {
			c.Lines = append(c.Lines, CostLine{l.Tier, l.What, old.Lines[i].USD, l.USD})
		}
	}
	slices.SortStableFunc(c.Lines, func(a, b CostLine) int {
		x, y := max(a.After-a.Before, a.Before-a.After), max(b.After-b.Before, b.Before-b.After)
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return c
}
