// Package rules holds the requirements of reviewers and security scanners as rules over the planned resource graph, because no
// scanner reads a Pulumi program in Go. A rule selects resources and checks each. Intended exceptions are in waivers.yaml, each
// with its reason.
package rules

import (
	"cmp"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// Where says which stacks a rule is for.
type Where int

// Production rules are only for production stacks.
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

// Rule is one requirement.
type Rule struct {
	// Name identifies the rule in waivers. It is not a published identifier: one identifier may need several rules, and one
	// rule may cover identifiers of several sets.
	Name string
	// IDs are the published identifiers, e.g. "EC2.6" or "S-VPC7", see Sets; none for a rule of the program's own.
	IDs   []string
	Title string
	Where Where
	Of    Selection
	Check Check
}

// Problem says what is wrong with a resource. Part names a part of it, so that a waiver need not cover the whole resource.
type Problem struct{ Part, Text string }

// Finding is a problem with its rule and resource.
type Finding struct {
	Rule     string
	Resource graph.Resource
	Problem
}

// Subject is compared with the patterns of waivers: the resource's name, or name#part.
func (f Finding) Subject() string {
	if f.Part == "" {
		return f.Resource.Name
	}
	return f.Resource.Name + "#" + f.Part
}

func (f Finding) String() string {
	return f.Rule + ": " + f.Resource.Type + " " + f.Subject() + ": " + f.Text
}

// All returns the rules in the order of docs/security.md.
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

// Result is the result of one rule.
type Result struct {
	Rule     Rule
	Applies  bool             // to this kind of stack
	Subjects []graph.Resource // that it selected
	Findings []Finding        // waived or not
}

// Evaluate checks every rule on a graph.
func Evaluate(g *graph.Graph, production bool) []Result {
	w := NewWorld(g, production)
	var results []Result
	for _, rule := range All() {
		results = append(results, rule.Evaluate(w))
	}
	return results
}

// Evaluate checks the rule on a graph.
func (rule Rule) Evaluate(w *World) Result {
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

// Case is the name of the rule's test: the rule's name and its identifiers.
func (rule Rule) Case() string {
	if len(rule.IDs) == 0 {
		return rule.Name
	}
	return rule.Name + " " + strings.Join(rule.IDs, " ")
}
