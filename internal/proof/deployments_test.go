package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
)

// deployed are the graphs of one configuration under several names of project and stack. Whatever AWS names, numbers or chooses
// at random differs between them, as in an account; what is the same, the program itself has called the same.
func deployed(t *testing.T, stack string, settings map[string]string, names [][2]string) map[string]*plan.Graph {
	t.Helper()
	graphs := map[string]*plan.Graph{}
	for i, name := range names {
		o := configured(stack, settings)
		o.Project, o.Stack = name[0], name[1]
		g, err := plan.Run(t.Context(), o)
		require.NoError(t, err)
		if i%2 == 1 { // two deployments are compared at a time, one of them with everything made anew
			o.Changed = map[string]shape.Change{}
			for _, r := range g.Resources {
				o.Changed[r.Key()] = shape.Replaced
			}
			g, err = plan.Run(t.Context(), o)
			require.NoError(t, err)
		}
		graphs[name[0]+"/"+name[1]] = g
	}
	return graphs
}

// namingInput matches inputs that may hold a name.
var namingInput = regexp.MustCompile(`^(name|namePrefix|family|bucket|.*[Nn]ame|.*[Ii]dentifier|alias|path)$`)

// notOfAccount are inputs that look like names and are not those of something in the account.
var notOfAccount = map[string]string{
	"aws:s3/bucketMetric:BucketMetric name":              "within a bucket",
	"aws:apigateway/stage:Stage stageName":               "within an API",
	"aws:apigateway/methodSettings:MethodSettings *":     "within an API",
	"aws:guardduty/detectorFeature:DetectorFeature name": "AWS's own name of the feature",
	"aws:cloudwatch/metricAlarm:MetricAlarm metricName":  "a part of a metric's identity, which is compared as a whole",
	"aws:ec2/vpcEndpoint:VpcEndpoint serviceName":        "AWS's",
	"aws:rds/instance:Instance dbName":                   "within the database",
	"aws:rds/instance:Instance username":                 "within the database",
	"aws:rds/instance:Instance caCertIdentifier":         "AWS's",
	"aws:rds/parameterGroup:ParameterGroup family":       "AWS's",
}

// identities are what AWS keeps something under for the whole account: a name, a metric's identity, or what selects by a tag.
func identities(t *testing.T, g *plan.Graph) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range g.Resources {
		for key, value := range r.RevealedInputs() {
			text, ok := value.(string)
			property := r.Type + " " + key
			if !ok || !namingInput.MatchString(key) || notOfAccount[property] != "" || notOfAccount[r.Type+" *"] != "" {
				continue
			}
			all[key+" "+text+" of "+r.Type] = r.Key()
		}
	}
	for _, s := range append(watched(t, g), emitted(t, g)...) {
		all[fmt.Sprint("metric ", s.namespace, " ", s.name, " ", s.dimensions)] = s.of
	}
	for _, r := range g.OfType("aws:budgets/budget:Budget") {
		all[fmt.Sprint("filter ", input(t, r, "costFilters"))] = r.Key()
	}
	for _, r := range g.OfType("aws:cloudwatch/eventRule:EventRule") {
		if r.Name != "monitoring-findings" { // GuardDuty has one detector an account, and one stack may own it
			all[fmt.Sprint("events ", input(t, r, "eventPattern"))] = r.Key()
		}
	}
	for _, r := range g.OfType("aws:wafv2/webAcl:WebAcl") { // its metrics' dimension, in place of its name
		all[fmt.Sprint("metric of ", input(t, r, "visibilityConfig", "metricName"))] = r.Key()
	}
	for _, r := range g.OfType("aws:ecs/service:Service") {
		all[fmt.Sprint("deployment guards ", input(t, r, "alarms", "alarmNames"))] = r.Key()
	}
	for _, r := range g.OfType("aws:iam/policy:Policy") {
		for _, written := range conditionValues(t, input(t, r, "policy").(string), "cloudwatch:namespace") {
			all["may write "+written] = r.Key()
		}
	}
	return all
}

// conditionValues are the values of a condition's key in a policy.
func conditionValues(t *testing.T, text, key string) (values []string) {
	t.Helper()
	var document struct {
		Statement []struct {
			Condition map[string]map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	for _, s := range document.Statement {
		for _, keys := range s.Condition {
			if value, ok := keys[key]; ok {
				texts(value, func(text string) { values = append(values, text) })
			}
		}
	}
	return values
}

// Two projects with a stack of the same name, two stacks of a project, and names that make the same text when they are joined: in one
// account they share nothing that AWS keeps by its name, by a metric's identity or by a tag. Otherwise one project's queue scales
// the other's agents, and one's failure undoes the other's deployment.
func TestDeploymentsShareNothing(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		for _, names := range [][][2]string{
			{{"scalable-backend", stack}, {"renamed", stack}},
			{{"scalable-backend", stack}, {"scalable-backend", "second"}},
			{{"shop", "eu-" + stack}, {"shop-eu", stack}},
			{{"my.shop", stack}, {"my-shop", stack}},
			{{"shop", "Eu"}, {"shop", "eu"}},
		} {
			graphs := slices.Collect(maps.Values(deployed(t, stack, everything(nil), names)))
			require.Len(t, graphs, 2)
			first, second := identities(t, graphs[0]), identities(t, graphs[1])
			require.Greater(t, len(first), 60)
			for identity, of := range first {
				if other, shared := second[identity]; shared {
					t.Errorf("%v: %s is of %s and of %s", names, identity, of, other)
				}
			}
		}
	}
}

// Every resource that can be tagged has the tag by which the budget counts it.
func TestBudgetCountsWhatTheStackHas(t *testing.T) {
	t.Parallel()
	g := plannedWith(t, "prod", everything(nil))
	filters, ok := input(t, only(t, g, "aws:budgets/budget:Budget"), "costFilters").([]any)
	require.True(t, ok)
	require.Len(t, filters, 1, "values of one filter are alternatives, and so are filters of one name")
	values := filters[0].(map[string]any)["values"].([]any)
	require.Len(t, values, 1)
	key, value, ok := strings.Cut(strings.TrimPrefix(values[0].(string), "user:"), "$")
	require.True(t, ok)
	for _, r := range g.Resources {
		if tags, ok := r.Get("tags"); ok {
			if _, isMap := tags.(map[string]any); isMap {
				require.Equal(t, value, input(t, r, "tags", key), r.Key())
			}
		}
	}
}
