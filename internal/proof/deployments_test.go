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

// deployed returns the graphs of one configuration with different names of project and stack. All names and numbers that AWS or
// a random provider chooses differ between them, as in an account, so an equal name comes from the program.
func deployed(t *testing.T, stack string, settings map[string]string, names [][2]string) map[string]*plan.Graph {
	t.Helper()
	graphs := map[string]*plan.Graph{}
	for i, name := range names {
		o := configured(stack, settings)
		o.Project, o.Stack = name[0], name[1]
		g, err := plan.Run(t.Context(), o)
		require.NoError(t, err)
		if i%2 == 1 { // deployments are compared in pairs, one of which has replaced resources
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

// notOfAccount lists inputs that look like names but are not unique in an account.
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

// identities returns what must be unique in an account: names, identities of metrics, and tag filters.
func identities(t *testing.T, g *plan.Graph) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range g.Resources {
		for key, value := range r.RevealedInputs {
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
		if r.Name != "monitoring-findings" { // an account has one GuardDuty detector, which one stack may own
			all[fmt.Sprint("events ", input(t, r, "eventPattern"))] = r.Key()
		}
	}
	for _, r := range g.OfType("aws:wafv2/webAcl:WebAcl") { // the dimension of its metrics, instead of its name
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

// conditionValues returns the values of a condition key in a policy.
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

// Deployments in one account share no names, metrics or tag filters: two projects with stacks of the same name, two stacks of a
// project, and names that are equal when joined. Otherwise one project's queue would scale the other's agents, or its failure
// would roll back the other's deployment.
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

// Every resource that can have tags has the tag by which the budget filters.
func TestBudgetCountsEveryResource(t *testing.T) {
	t.Parallel()
	g := plannedWith(t, "prod", everything(nil))
	filters, ok := input(t, only(t, g, "aws:budgets/budget:Budget"), "costFilters").([]any)
	require.True(t, ok)
	require.Len(t, filters, 1, "several filters with the same name are alternatives")
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
