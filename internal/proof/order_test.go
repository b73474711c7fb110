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

// ordering answers what an update finishes before it begins something else. Whatever it does not order runs in parallel.
type ordering struct {
	*plan.Graph
	byKey  map[string]plan.Resource
	before map[string]map[string]bool // what is finished before a resource begins
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

// direct are the resources that one waits for itself: its options' and its inputs' dependencies. A component of another
// process is finished with its children, and its children begin after what it waits for.
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

// after tells whether a resource begins when another is finished.
func (o *ordering) after(r, earlier plan.Resource) bool { return o.before[r.Key()][earlier.Key()] }

var orderChecks = []check[*ordering]{
	{"references carry their dependency", referencesCarryDependencies},
	{"what must be ready is", whatMustBeReadyIs},
	{"subnets are ready", subnetsAreReady},
	{"groups are ready", groupsAreReady},
}

func TestOrder(t *testing.T) {
	t.Parallel()
	everyConfiguration(t, func(_ *testing.T, g *plan.Graph, _ network.Options) *ordering { return order(g) }, orderChecks)
}

// mentioning are the resources that hold an identifier in some input, user data included.
func (o *ordering) mentioning(identifier string) []plan.Resource {
	boundary := regexp.MustCompile(regexp.QuoteMeta(identifier) + `($|[^A-Za-z0-9-])`)
	var found []plan.Resource
	tail := identifier[max(0, len(identifier)-16):] // what differs between identifiers: much faster to look for than their common beginning
	for _, r := range o.Resources {
		if text := o.texts[r.Key()]; r.Custom && strings.Contains(text, tail) && boundary.MatchString(text) {
			found = append(found, r)
		}
	}
	return found
}

// textOf is everything in a resource's inputs.
func textOf(r plan.Resource) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.RevealedInputs()); err != nil {
		panic(err) // it came from JSON
	}
	data, _ := r.Revealed("userData")
	encoded, _ := data.(string)
	if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		text.Write(decoded)
	}
	return text.String()
}

// identifier matches what AWS makes up: nobody knows it before the resource is there.
var identifier = regexp.MustCompile(`^(arn|vpc|subnet|sg|rtb|igw|nat|eni|eipalloc|lt|i|fs|fsap|vpce|vpclink)[-:]`)

// Who names a resource waits for it: an identifier that was put together by hand would name what is not there yet.
func referencesCarryDependencies(t *testing.T, o *ordering) {
	checked := 0
	for _, named := range o.Resources {
		arn, _ := named.State["arn"].(string)
		if _, given := named.Inputs["arn"]; given {
			arn = "" // somebody else's
		}
		for _, id := range []string{named.ID, arn} {
			if !identifier.MatchString(id) || !named.Custom {
				continue
			}
			for _, r := range o.mentioning(id) {
				// IAM takes a policy about what is not there yet.
				if r.Key() == named.Key() || r.Type == "aws:iam/policy:Policy" {
					continue
				}
				checked++
				assert.True(t, o.after(r, named), "%s names %s and does not wait for %s", r.Key(), id, named.Key())
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
