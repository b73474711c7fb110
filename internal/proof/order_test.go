package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/network"
)

// ordering knows which resources an update finishes before it begins another one. Resources without an order run in parallel.
type ordering struct {
	*plan.Graph
	byKey  map[string]plan.Resource
	before map[string]map[string]bool // a resource to those that are finished before it begins
	texts  map[string]string          // inputs by key
}

func order(g *plan.Graph) *ordering {
	o := &ordering{Graph: g, byKey: map[string]plan.Resource{}, before: map[string]map[string]bool{}, texts: map[string]string{}}
	for _, r := range g.Resources {
		o.byKey[r.Key()], o.texts[r.Key()] = r, textOf(r)
	}
	for key := range o.byKey {
		o.close(key)
	}
	return o
}

// direct returns the resources that r waits for directly, by its options and its inputs. A remote component is finished when
// its children are, and its children wait for everything that the component waits for.
func (o *ordering) direct(r plan.Resource) []string {
	found := slices.Clone(r.DependsOn)
	for _, dependencies := range r.PropertyDependencies {
		found = append(found, dependencies...)
	}
	for _, key := range slices.Clone(found) {
		if o.byKey[key].Remote {
			for _, child := range o.Under(key) {
				found = append(found, child.Key())
			}
		}
	}
	if parent := o.byKey[r.Parent]; parent.Remote {
		found = append(found, o.direct(parent)...)
	}
	return found
}

func (o *ordering) close(key string) map[string]bool {
	if known, ok := o.before[key]; ok {
		return known
	}
	all := map[string]bool{}
	o.before[key] = all // the engine refuses cycles
	for _, d := range o.direct(o.byKey[key]) {
		all[d] = true
		for further := range o.close(d) {
			all[further] = true
		}
	}
	return all
}

// after tells whether a resource begins only after another one is finished.
func (o *ordering) after(r, earlier plan.Resource) bool { return o.before[r.Key()][earlier.Key()] }

var orderChecks = []check[*ordering]{
	{"references are dependencies", referencesAreDependencies},
	{"readiness rules", readinessRulesHold},
	{"routes exist before subnets are used", routesExistBeforeUse},
	{"group rules exist before groups are used", groupRulesExistBeforeUse},
}

func TestOrder(t *testing.T) {
	t.Parallel()
	everyConfiguration(t, func(_ *testing.T, g *plan.Graph, _ network.Options) *ordering { return order(g) }, orderChecks)
}

// mentioning returns the resources that have an identifier in an input, user data included.
func (o *ordering) mentioning(identifier string) []plan.Resource {
	boundary := regexp.MustCompile(regexp.QuoteMeta(identifier) + `($|[^A-Za-z0-9-])`)
	var found []plan.Resource
	tail := identifier[max(0, len(identifier)-16):] // identifiers differ at the end: a search for it is much faster
	for _, r := range o.Resources {
		if text := o.texts[r.Key()]; r.Custom && strings.Contains(text, tail) && boundary.MatchString(text) {
			found = append(found, r)
		}
	}
	return found
}

// textOf returns all inputs of a resource as one text.
func textOf(r plan.Resource) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.RevealedInputs); err != nil {
		panic(err) // inputs come from JSON, so they can be encoded
	}
	data, _ := r.Revealed("userData")
	encoded, _ := data.(string)
	if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		text.Write(decoded)
	}
	return text.String()
}

// identifier matches identifiers that AWS creates: they are known only after the resource exists.
var identifier = regexp.MustCompile(`^(arn|vpc|subnet|sg|rtb|igw|nat|eni|eipalloc|lt|i|fs|fsap|vpce|vpclink)[-:]`)

// A resource that contains the identifier of another one must depend on it. An identifier that the program builds from text
// carries no dependency, so the other resource may not exist yet.
func referencesAreDependencies(t *testing.T, o *ordering) {
	checked := 0
	for _, named := range o.Resources {
		arn, _ := named.State["arn"].(string)
		if _, given := named.Inputs["arn"]; given {
			arn = "" // the ARN of another resource, given as an input
		}
		for _, id := range []string{named.ID, arn} {
			if !identifier.MatchString(id) || !named.Custom {
				continue
			}
			for _, r := range o.mentioning(id) {
				// IAM accepts policies about resources that do not exist yet.
				if r.Key() == named.Key() || r.Type == "aws:iam/policy:Policy" {
					continue
				}
				checked++
				assert.True(t, o.after(r, named), "%s contains %s but does not wait for %s", r.Key(), id, named.Key())
			}
		}
	}
	require.Greater(t, checked, 150)
}

// Whatever an upgrade is at, each database has parameters of the version that it runs or, the instance itself, is about to run: the
// replicas' do not move before RDS has upgraded them, and no group goes that something uses.
func TestReplicasKeepTheirParametersUntilUpgraded(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		for _, step := range []struct{ engine, previous, instance, replicas string }{
			{"17", "none", "postgres17", "postgres17"},
			{"18", "17", "postgres18", "postgres17"}, // until the window, and in it
			{"18", "none", "postgres18", "postgres18"},
		} {
			g := plannedWith(t, stack, map[string]string{
				"database.replicas": "2", "database.engineVersion": step.engine, "database.previousVersion": step.previous,
			})
			families := map[any]any{}
			for _, group := range g.OfType("aws:rds/parameterGroup:ParameterGroup") {
				families[group.State["name"]] = input(t, group, "family")
			}
			for name, want := range map[string]string{
				"database-instance": step.instance, "database-replica-1": step.replicas, "database-replica-2": step.replicas,
			} {
				r, ok := g.Find("aws:rds/instance:Instance", name)
				require.True(t, ok)
				require.Equal(t, want, families[input(t, r, "parameterGroupName")], "%s: %s", stack, name)
			}
			used := map[any]bool{}
			for _, r := range g.OfType("aws:rds/instance:Instance") {
				used[input(t, r, "parameterGroupName")] = true
			}
			require.Len(t, used, len(families), "%s: a group that nothing uses", stack)
		}
	}
}
