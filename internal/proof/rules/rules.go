// Package rules holds what reviewers and their scanners ask of the system, as rules over the planned resource graph: none of
// the scanners reads a Pulumi program in Go. A rule selects resources and checks each. What a stack does not hold to on
// purpose is in waivers.yaml, one line for each exception, with its reason.
package rules

import (
	"cmp"
	"slices"
	"strings"

	"scalable-backend/internal/plan"
)

// Where says which stacks a rule is for.
type Where int

// Stacks are production, where data and people depend on them, or anything else.
const (
	Everywhere Where = iota
	Production
)

func (w Where) String() string {
	if w == Production {
		return "production"
	}
	return "every stack"
}

// Rule is one question to a graph.
type Rule struct {
	// Name identifies the rule in waivers. A published rule set has no finer names: one identifier may stand for several
	// rules here, and one rule here for the same demand in several sets.
	Name string
	// IDs are the published identifiers, e.g. "EC2.6" or "S-VPC7"; Sets explains them. A rule without any is the program's own.
	IDs   []string
	Title string
	Where Where
	Of    Selection
	Check Check
}

// Problem is what is wrong with a resource. Part names the piece of it, where a waiver must not cover the whole.
type Problem struct{ Part, Text string }

// Finding is a problem in its place.
type Finding struct {
	Rule     string
	Resource plan.Resource
	Problem
}

// Subject is what a waiver's pattern is compared with: the resource's name, and the part.
func (f Finding) Subject() string {
	if f.Part == "" {
		return f.Resource.Name
	}
	return f.Resource.Name + "#" + f.Part
}

func (f Finding) String() string {
	return f.Rule + ": " + f.Resource.Type + " " + f.Subject() + ": " + f.Text
}

// All returns the rules in the order of the page.
func All() []Rule {
	var all []Rule
	for _, s := range Sections() {
		all = append(all, s.Rules...)
	}
	return all
}

// Section is a group of rules about one kind of resource.
type Section struct {
	Title string
	Rules []Rule
}

// Sections returns the rules in groups.
func Sections() []Section {
	return []Section{
		{"Network", networkRules()},
		{"Security groups", groupRules()},
		{"Load balancers", balancerRules()},
		{"Instances", instanceRules()},
		{"Auto Scaling", scalingRules()},
		{"Database", databaseRules()},
		{"Secrets", secretRules()},
		{"Buckets", bucketRules()},
		{"API", apiRules()},
		{"Containers", containerRules()},
		{"Images", imageRules()},
		{"File system", fileSystemRules()},
		{"Keys", keyRules()},
		{"Logs and alarms", logRules()},
		{"Permissions", permissionRules()},
		{"Account guards", guardRules()},
		{"Reliability", reliabilityRules()},
		{"Texts", textRules()},
	}
}

// Result is how one rule went.
type Result struct {
	Rule     Rule
	Applies  bool            // to this kind of stack
	Subjects []plan.Resource // that it selected
	Findings []Finding       // waived or not
}

// Evaluate asks every rule of a graph.
func Evaluate(g *plan.Graph, production bool) []Result {
	w := newWorld(g, production)
	var results []Result
	for _, rule := range All() {
		results = append(results, rule.evaluate(w))
	}
	return results
}

func (rule Rule) evaluate(w *World) Result {
	result := Result{Rule: rule, Applies: rule.Where == Everywhere || w.Production}
	if !result.Applies {
		return result
	}
	result.Subjects = rule.Of(w)
	for _, r := range result.Subjects {
		for _, p := range rule.Check(w, r) {
			result.Findings = append(result.Findings, Finding{rule.Name, r, p})
		}
	}
	slices.SortStableFunc(result.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Resource.Key(), b.Resource.Key()), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Text, b.Text))
	})
	return result
}

// Case is the name of the rule's test: its own and the published ones.
func (rule Rule) Case() string {
	if len(rule.IDs) == 0 {
		return rule.Name
	}
	return rule.Name + " " + strings.Join(rule.IDs, " ")
}
