package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
	"scalable-backend/services/backend/metrics"
)

// series is a metric that is read or emitted.
type series struct {
	namespace, name string
	dimensions      map[string]string // "*" is any value
	statistic       string
	of              string // what reads or emits it
}

// watched returns the series that alarms, the agents' scaling and the dashboard read.
func watched(t *testing.T, g *plan.Graph) []series {
	t.Helper()
	var all []series
	for _, r := range g.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		in := r.RevealedInputs
		if queries, ok := in["metricQueries"].([]any); ok {
			for _, q := range queries {
				if m, ok := q.(map[string]any)["metric"].(map[string]any); ok {
					all = append(all, series{metricText(m["namespace"]), metricText(m["metricName"]), dimensionsOf(m["dimensions"]), metricText(m["stat"]),
						r.Key()})
				}
			}
			continue
		}
		all = append(all, series{metricText(in["namespace"]), metricText(in["metricName"]), dimensionsOf(in["dimensions"]),
			metricText(in["statistic"]) + metricText(in["extendedStatistic"]), r.Key()})
	}
	for _, r := range g.OfType("aws:appautoscaling/policy:Policy") {
		for _, m := range input(t, r, "targetTrackingScalingPolicyConfiguration", "customizedMetricSpecification", "metrics").([]any) {
			stat, ok := graph.Lookup(m.(map[string]any), "metricStat")
			if !ok {
				continue
			}
			metric := stat.(map[string]any)["metric"].(map[string]any)
			dimensions := map[string]string{}
			for _, d := range metric["dimensions"].([]any) {
				dimensions[metricText(d.(map[string]any)["name"])] = metricText(d.(map[string]any)["value"])
			}
			all = append(all, series{metricText(metric["namespace"]), metricText(metric["metricName"]), dimensions,
				metricText(stat.(map[string]any)["stat"]), r.Key()})
		}
	}
	return append(all, charted(t, g)...)
}

var searchExpression = regexp.MustCompile(`^SEARCH\('\{"([^"]+)",([^}]+)\} MetricName="([^"]+)" ([^=]+)="([^"]+)"', '([^']+)', \d+\)$`)

// charted returns the series of the dashboard.
func charted(t *testing.T, g *plan.Graph) []series {
	t.Helper()
	var body struct {
		Widgets []struct {
			Type       string
			Properties struct {
				Stat, Query string
				Metrics     [][]any
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(input(t, only(t, g, "aws:cloudwatch/dashboard:Dashboard"), "dashboardBody").(string)), &body))
	var all []series
	for _, w := range body.Widgets {
		for _, row := range w.Properties.Metrics {
			s := series{dimensions: map[string]string{}, statistic: w.Properties.Stat, of: "dashboard"}
			if search, ok := row[0].(map[string]any); ok {
				m := searchExpression.FindStringSubmatch(metricText(search["expression"]))
				require.NotNil(t, m, "unknown form of a search expression: %v", search)
				s.namespace, s.name, s.statistic = m[1], m[3], m[6]
				for name := range strings.SplitSeq(m[2], ",") {
					s.dimensions[name] = "*"
				}
				s.dimensions[m[4]] = m[5]
				all = append(all, s)
				continue
			}
			s.namespace, s.name = metricText(row[0]), metricText(row[1])
			for i := 2; i+1 < len(row); i += 2 {
				s.dimensions[metricText(row[i])] = metricText(row[i+1])
			}
			all = append(all, s)
		}
	}
	return all
}

func metricText(v any) string { s, _ := v.(string); return s }

func dimensionsOf(v any) map[string]string {
	all := map[string]string{}
	for key, value := range v.(map[string]any) {
		all[key] = metricText(value)
	}
	return all
}

// emitted returns the series in the stack's own namespace: those of the backend's code and those of the CloudWatch agent.
func emitted(t *testing.T, g *plan.Graph) []series {
	t.Helper()
	environment, err := compute.ReadEnvironment(userData(t, g))
	require.NoError(t, err)
	namespace, name := environment["BACKEND_METRICS_NAMESPACE"], environment["BACKEND_STACK"]
	stack := map[string]string{metrics.DimensionStack: name}
	var all []series
	names := sourceConstants(t, "backend/metrics")
	ast.Inspect(sourceFunction(t, sourceFiles(t, "backend/server"), "emitQueue"), func(n ast.Node) bool {
		if pkg, name := selector(asExpr(n)); pkg == "metrics" {
			if value, ok := names[name]; ok && !slices.Contains([]string{metrics.Count, metrics.Seconds, metrics.Milliseconds},
				constant.StringVal(value)) {
				all = append(all, series{namespace, constant.StringVal(value), stack, "", "the backend's sweep"})
			}
		}
		return true
	})
	require.NotEmpty(t, all)
	// Run the code that emits request metrics.
	var out bytes.Buffer
	var requests metrics.RequestMetrics
	requests.Observe("getFile", 200, time.Millisecond)
	require.NoError(t, requests.Flush(metrics.NewEmitter(&out, namespace, name), time.Now()))
	var line struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	for _, d := range line.AWS.CloudWatchMetrics {
		for _, m := range d.Metrics {
			dimensions := map[string]string{}
			for _, name := range d.Dimensions[0] {
				dimensions[name] = "*"
			}
			dimensions[metrics.DimensionStack] = name
			all = append(all, series{d.Namespace, m.Name, dimensions, "", "the backend's requests"})
		}
	}
	return append(all, hostSeries(t, g)...)
}

func asExpr(n ast.Node) ast.Expr { e, _ := n.(ast.Expr); return e }

// hostSeries returns the aggregated series that the CloudWatch agent sends.
func hostSeries(t *testing.T, g *plan.Graph) []series {
	t.Helper()
	_, rest, ok := strings.Cut(userData(t, g), "cat > /etc/backend/cloudwatch-agent.json <<'END'\n")
	require.True(t, ok)
	file, _, _ := strings.Cut(rest, "\nEND\n")
	var agent struct {
		Metrics struct {
			Namespace   string
			Aggregation [][]string `json:"aggregation_dimensions"`
			Collected   map[string]struct {
				Measurement []string
				Append      map[string]string `json:"append_dimensions"`
			} `json:"metrics_collected"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(file), &agent))
	var all []series
	for plugin, m := range agent.Metrics.Collected {
		for _, name := range m.Measurement {
			if !strings.HasPrefix(name, plugin+"_") {
				name = plugin + "_" + name
			}
			for _, aggregation := range agent.Metrics.Aggregation {
				dimensions := map[string]string{}
				for _, d := range aggregation {
					dimensions[d] = m.Append[d]
				}
				all = append(all, series{agent.Metrics.Namespace, name, dimensions, "", "the CloudWatch agent"})
			}
		}
	}
	return append(all, releaseAge(t, g))
}

// releaseAge is what the script of user data reports.
func releaseAge(t *testing.T, g *plan.Graph) series {
	t.Helper()
	script := userData(t, g)
	name, value, ok := strings.Cut(between(t, script, "--dimensions '", "'"), "=")
	require.True(t, ok)
	return series{between(t, script, "--namespace '", "'"), between(t, script, "--metric-name '", "'"), map[string]string{name: value}, "",
		"the script of the release's age"}
}

// Alarms, charts and scaling read only metrics that are emitted, with the same dimensions, and every emitted metric is read.
func TestOwnMetricsAreEmittedAndRead(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		key := func(s series) string { return fmt.Sprint(s.namespace, " ", s.name, " ", s.dimensions) }
		sources, seen := map[string]bool{}, map[string]bool{}
		for _, s := range emitted(t, g) {
			sources[key(s)] = true
		}
		for _, s := range watched(t, g) {
			if strings.HasPrefix(s.namespace, "AWS/") {
				continue
			}
			require.True(t, sources[key(s)], "%s: %s reads %s, which is not emitted. Emitted metrics:\n%s", stack, s.of, key(s),
				strings.Join(slices.Sorted(maps.Keys(sources)), "\n"))
			seen[key(s)] = true
			switch s.name {
			case metrics.QueueBacklog, metrics.QueueOldestAgeSeconds, metrics.AgentsSeen:
				require.Contains(t, []string{"Maximum", "SampleCount"}, s.statistic, "%s: several backends write %s", s.of, s.name)
			case metrics.JobsDead, metrics.RequestErrors, metrics.Requests:
				require.Equal(t, "Sum", s.statistic, "%s: %s is a counter", s.of, s.name)
			}
		}
		for s := range sources {
			if !seen[s] {
				t.Errorf("%s: nothing reads %s", stack, s)
			}
		}
	}
}

// shaped returns the made-up id and outputs of a resource.
func (w *world) shaped(r plan.Resource) (string, resource.PropertyMap) {
	return shape.Outputs(w.env, r.Type, r.Name, resource.NewPropertyMapFromMap(r.RevealedInputs))
}

// dimensionValues returns the values that the dimensions of AWS's metrics can have in this stack.
func (w *world) dimensionValues() map[string][]string {
	values := map[string][]string{}
	take := func(dimension, token, output string) {
		for _, r := range w.g.OfType(token) {
			id, out := w.shaped(r)
			value := id
			if output != "" {
				value = out[resource.PropertyKey(output)].StringValue()
			}
			values[dimension] = append(values[dimension], value)
		}
	}
	take("LoadBalancer", "aws:lb/loadBalancer:LoadBalancer", "arnSuffix")
	take("TargetGroup", "aws:lb/targetGroup:TargetGroup", "arnSuffix")
	take("AutoScalingGroupName", "aws:autoscaling/group:Group", "name")
	take("DBInstanceIdentifier", "aws:rds/instance:Instance", "identifier")
	take("ClusterName", "aws:ecs/cluster:Cluster", "name")
	take("ServiceName", "aws:ecs/service:Service", "name")
	take("ApiName", "aws:apigateway/restApi:RestApi", "name")
	take("Stage", "aws:apigateway/stage:Stage", "stageName")
	take("BucketName", "aws:s3/bucketMetric:BucketMetric", "bucket")
	take("FilterId", "aws:s3/bucketMetric:BucketMetric", "name")
	take("NatGatewayId", "aws:ec2/natGateway:NatGateway", "")
	take("InstanceId", "aws:ec2/instance:Instance", "")
	take("RuleName", "aws:cloudwatch/eventRule:EventRule", "name")
	return values
}

// AWS metrics that are read belong to planned resources: an alarm with a misspelt dimension would never get data.
func TestAWSMetricsAreOfPlannedResources(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		known := w.dimensionValues()
		methods := map[string]bool{}
		for path, operations := range gatewayDocument(t, w.g).Paths {
			for method := range operations {
				methods[strings.ToUpper(method)+" "+path] = true
			}
		}
		n := 0
		for _, s := range watched(t, w.g) {
			if !strings.HasPrefix(s.namespace, "AWS/") {
				continue
			}
			n++
			require.NotEmpty(t, s.dimensions, "%s: %s %s", s.of, s.namespace, s.name)
			for name, value := range s.dimensions {
				switch name {
				case "Method", "Resource":
					require.True(t, methods[s.dimensions["Method"]+" "+s.dimensions["Resource"]], "%s: the API has no method %v", s.of, s.dimensions)
				default:
					require.Contains(t, known[name], value, "%s: %s %s, dimension %s", s.of, s.namespace, s.name, name)
				}
			}
			if balancer, ok := s.dimensions["LoadBalancer"]; ok {
				require.Equal(t, s.namespace == "AWS/NetworkELB", strings.HasPrefix(balancer, "net/"), "%s: %s of %s", s.of, s.namespace, balancer)
			}
		}
		require.Greater(t, n, 30)
	}
}

// Event patterns name this stack's service and group: with a misspelt name no event would match, and no alarm would notify.
func TestEventsAreOfPlannedResources(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		service, _ := w.shaped(only(t, w.g, "aws:ecs/service:Service"))
		_, group := w.shaped(only(t, w.g, "aws:autoscaling/group:Group"))
		pattern := func(name string) string {
			r, ok := w.g.Find("aws:cloudwatch/eventRule:EventRule", name)
			require.True(t, ok, name)
			return input(t, r, "eventPattern").(string)
		}
		require.Contains(t, pattern("monitoring-agents-deployment"), `"`+service+`"`)
		require.Contains(t, pattern("monitoring-backend-refresh"), `"`+group["name"].StringValue()+`"`)
	}
}
