package proof

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/proof/complete"
	"scalable-backend/internal/rules"
)

// sdkSource returns the source of the AWS provider's SDK.
func sdkSource(t *testing.T) *complete.Source {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi-aws/sdk/v6").Output()
	require.NoError(t, err)
	return &complete.Source{Dir: filepath.Join(strings.TrimSpace(string(dir)), "go", "aws")}
}

// gap is a type that no rule covers, or a property of it that no rule checks.
type gap struct{ token, property string }

func (g gap) String() string {
	const or = "\n  or add an entry with the reason to internal/rules/unasked.yaml"
	if g.property == "" {
		return g.token + ": no rule selects this type.\n  Write a rule for it in internal/rules, with a case in cases_*_test.go," + or
	}
	return g.token + ": no rule checks " + g.property + ".\n  Add a check of it to the type's rules in internal/rules, with a case " +
		"in cases_*_test.go," + or
}

// gaps returns the types and properties of a graph that no rule covers.
func gaps(t *testing.T, source *complete.Source, g *plan.Graph) []gap {
	t.Helper()
	results := rules.Evaluate(g, true)
	selected := map[string]bool{}
	for _, r := range results {
		for _, s := range r.Subjects {
			selected[s.Type] = true
		}
	}
	before := verdicts(results)
	var found []gap
	for _, token := range slices.Sorted(maps.Keys(g.Counts())) {
		resources := g.OfType(token)
		if !resources[0].Custom || strings.HasPrefix(token, "pulumi:") {
			continue
		}
		if !selected[token] && !missed(g, before, token) {
			found = append(found, gap{token, ""})
		}
		if !strings.HasPrefix(token, "aws:") {
			continue
		}
		properties := map[string]bool{}
		for _, r := range resources {
			list, err := source.Security(token, r.Inputs)
			require.NoError(t, err)
			for _, p := range list {
				properties[p] = true
			}
		}
		for _, property := range slices.Sorted(maps.Keys(properties)) {
			if !checked(g, before, token, property) {
				found = append(found, gap{token, property})
			}
		}
	}
	return found
}

// verdicts are the results of all rules for a graph as it is.
type verdicts []rules.Result

// differ tells whether any rule says something else of a changed graph. Rules that select the changed type are asked first: most often
// it is one of them.
func (v verdicts) differ(changed *plan.Graph, token string) bool {
	w := rules.NewWorld(changed, true)
	other := func(r rules.Result) bool {
		return !slices.EqualFunc(r.Findings, r.Rule.Evaluate(w).Findings, func(a, b rules.Finding) bool { return a.String() == b.String() })
	}
	selects := func(r rules.Result) bool {
		return slices.ContainsFunc(r.Subjects, func(s plan.Resource) bool { return s.Type == token })
	}
	return slices.ContainsFunc(v, func(r rules.Result) bool { return selects(r) && other(r) }) ||
		slices.ContainsFunc(v, func(r rules.Result) bool { return !selects(r) && other(r) })
}

// missed tells whether a rule fails when all resources of a type are removed, as a rule about buckets does for encryption.
func missed(g *plan.Graph, before verdicts, token string) bool {
	c := *g
	c.Resources = slices.DeleteFunc(slices.Clone(g.Resources), func(r plan.Resource) bool { return r.Type == token })
	return before.differ(&c, token)
}

// checked tells whether the findings change with another value of a property: it is removed, or set to some values.
func checked(g *plan.Graph, before verdicts, token, property string) bool {
	for _, value := range []any{nil, true, false, "other", []any{}} {
		if changed, ok := altered(g, token, strings.Split(property, "."), value); ok && before.differ(changed, token) {
			return true
		}
	}
	return false
}

// altered returns a graph with another value of a property in all resources of a type; nil removes the property.
func altered(g *plan.Graph, token string, path []string, value any) (*plan.Graph, bool) {
	c := *g
	c.Resources = slices.Clone(g.Resources)
	done := false
	for i := range c.Resources {
		r := &c.Resources[i]
		if r.Type != token {
			continue
		}
		var ok bool
		r.Inputs, ok = alteredObject(r.Inputs, path, value)
		done = done || ok
		r.PropertyDependencies = maps.Clone(r.PropertyDependencies)
		delete(r.PropertyDependencies, strings.TrimSuffix(path[0], "[]"))
	}
	return &c, done
}

func alteredObject(object map[string]any, path []string, value any) (map[string]any, bool) {
	c := maps.Clone(object)
	name, isList := strings.CutSuffix(path[0], "[]")
	switch inner := object[name].(type) {
	case map[string]any:
		if len(path) > 1 {
			changed, ok := alteredObject(inner, path[1:], value)
			c[name] = changed
			return c, ok
		}
	case []any:
		if !isList {
			break
		}
		list, done := slices.Clone(inner), false
		for i, element := range inner {
			if o, ok := element.(map[string]any); ok {
				var changed bool
				list[i], changed = alteredObject(o, path[1:], value)
				done = done || changed
			}
		}
		c[name] = list
		return c, done
	}
	if len(path) > 1 {
		return object, false
	}
	was, set := object[name]
	if value == nil {
		delete(c, name)
		return c, set
	}
	if c == nil {
		c = map[string]any{}
	}
	c[name] = value
	return c, fmt.Sprint(was) != fmt.Sprint(value)
}

// open returns the gaps that no entry of the list covers. It records in used which entries were needed.
func open(list []rules.Unasked, found []gap, used map[int]bool) (left []gap) {
	for _, g := range found {
		covered := false
		for i, u := range list {
			if u.Covers(g.token, g.property) {
				covered, used[i] = true, true
			}
		}
		if !covered {
			left = append(left, g)
		}
	}
	return left
}

// everyKind returns a graph with every type that the program can register: all options on, and the NAT instance besides NAT
// gateways.
func everyKind(t *testing.T) *plan.Graph {
	t.Helper()
	all := *planned(t, "prod")
	all.Resources = slices.Clone(all.Resources)
	have := all.Counts()
	for _, g := range []*plan.Graph{
		plannedFile(t, "keys", stackText(t, keysStack())), plannedWith(t, "dev", map[string]string{"network.nat": "instance"}),
	} {
		for _, r := range g.Resources {
			if have[r.Type] == 0 {
				all.Resources = append(all.Resources, r)
			}
		}
	}
	return &all
}

// Rules cover every type of resource, and each of its properties about encryption, public access, TLS, deletion or logging,
// or unasked.yaml gives the reason why not.
func TestRulesCoverEveryTypeAndProperty(t *testing.T) {
	t.Parallel()
	list, err := rules.UnaskedList()
	require.NoError(t, err)
	used := map[int]bool{}
	for _, g := range open(list, gaps(t, sdkSource(t), everyKind(t)), used) {
		t.Error(g)
	}
	for i, u := range list {
		if !used[i] {
			t.Errorf("the entry of unasked.yaml for %v %v is not needed: remove it", u.Types, u.Properties)
		}
	}
}

// An uncovered type is reported, with its properties about security and with what to write where.
func TestUncoveredTypeIsReported(t *testing.T) {
	t.Parallel()
	list, err := rules.UnaskedList()
	require.NoError(t, err)
	g := &plan.Graph{Resources: []plan.Resource{{Type: "aws:sqs/queue:Queue", Name: "compute-jobs", Custom: true, Inputs: map[string]any{}}}}
	var messages []string
	for _, left := range open(list, gaps(t, sdkSource(t), g), map[int]bool{}) {
		messages = append(messages, left.String())
	}
	text := strings.Join(messages, "\n")
	require.Contains(t, text, "aws:sqs/queue:Queue: no rule selects this type.\n  Write a rule for it in internal/rules, with a case "+
		"in cases_*_test.go")
	for _, property := range []string{"kmsMasterKeyId", "sqsManagedSseEnabled"} {
		require.Contains(t, text, "aws:sqs/queue:Queue: no rule checks "+property+".")
	}
	require.Contains(t, text, "unasked.yaml")
}
