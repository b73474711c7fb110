package monitoring

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
	"scalable-backend/services/backend/metrics"
)

// The dashboard's grid is 24 wide.
const (
	gridWidth   = 24
	chartWidth  = 8
	chartHeight = 6
	titleHeight = 1
	logHeight   = 8
)

// dashboardBody is the document of a CloudWatch dashboard.
type dashboardBody struct {
	Start   string   `json:"start"`
	Widgets []widget `json:"widgets"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type textProperties struct {
	Markdown string `json:"markdown"`
}

type alarmProperties struct {
	Title  string   `json:"title"`
	Alarms []string `json:"alarms"`
}

type metricProperties struct {
	Title       string       `json:"title"`
	Region      string       `json:"region"`
	View        string       `json:"view"`
	Stat        string       `json:"stat"`
	Period      int          `json:"period"`
	Metrics     [][]any      `json:"metrics"` // namespace, name, then dimensions in pairs; or one search
	Annotations *annotations `json:"annotations,omitempty"`
}

// search finds metrics by dimension names: one line for each value that there is.
type search struct {
	Expression string `json:"expression"`
}

type annotations struct {
	Horizontal []annotation `json:"horizontal"`
}

type annotation struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

type logProperties struct {
	Title  string `json:"title"`
	Region string `json:"region"`
	View   string `json:"view"`
	Query  string `json:"query"`
}

// chart is a graph whose dimensions may still be unknown.
type chart struct {
	section   section
	title     string
	metrics   []metric
	search    string // instead of metrics
	statistic string
	period    int
	threshold *float64
}

// charts are the alarms' own metrics, each with its threshold, followed by what gives them context.
func charts(a *Args, table []alarm) []chart {
	var all []chart
	for _, row := range table {
		all = append(all, chart{
			section: row.section, title: row.suffix, metrics: []metric{row.Metric},
			statistic: row.Statistic, period: row.Period, threshold: &row.Threshold,
		})
	}
	context := func(s section, title, statistic string, metrics ...metric) {
		all = append(all, chart{section: s, title: title, metrics: metrics, statistic: statistic, period: minute})
	}
	rds := func(name string) metric { return rdsMetric(a.DatabaseInstanceID, name) }
	api := func(name string) metric {
		return metric{Namespace: "AWS/ApiGateway", Name: name, Dimensions: stageDimensions(a)}
	}
	context(doors, "requests at the public door", "Sum", publicDoor(a, "RequestCount"))
	context(doors, "requests that the backend failed", "Sum", publicDoor(a, "HTTPCode_Target_5XX_Count"))
	byRoute := func(title, statistic, name string) {
		if name != "" && a.ServiceMetrics {
			all = append(all, chart{section: backend, title: title, statistic: statistic, period: minute, search: fmt.Sprintf(
				`SEARCH('{"%s",%s,%s} MetricName="%s" %s="%s"', '%s', %d)`,
				a.MetricsNamespace, metrics.DimensionStack, metrics.DimensionRoute, name, metrics.DimensionStack, a.Stack.Stack, statistic, minute)})
		}
	}
	byRoute("latency by route", "p99", a.Metrics.RequestLatency)
	byRoute("errors by route", "Sum", a.Metrics.RequestErrors)
	byRoute("requests by route", "Sum", a.Metrics.Requests)
	context(backend, "network of the instances", "Sum",
		groupMetric(a, "NetworkIn"), groupMetric(a, "NetworkOut"))
	for _, m := range []struct{ title, name string }{
		{"memory of the instances, percent", a.Metrics.HostMemory}, {"disk of the instances, percent", a.Metrics.HostDisk},
	} {
		context(backend, m.title, "Maximum", own(a, m.name))
	}
	context(database, "latency of reads and writes", "Average", rds("ReadLatency"), rds("WriteLatency"))
	if a.ServiceMetrics {
		context(agents, "agents seen", "Maximum", own(a, a.Metrics.Agents))
	}
	context(gateway, "requests at the gateway", "Sum", api("Count"), api("4XXError"))
	context(storage, "bytes in and out of the bucket", "Sum", bucket(a, "BytesUploaded"), bucket(a, "BytesDownloaded"))
	for i := range a.NATGateways {
		context(network, fmt.Sprintf("bytes through NAT gateway %d", i), "Sum", natGateway(a, i, "BytesOutToDestination"))
	}
	return all
}

// properties resolve the chart's dimensions.
func (c chart) properties(region string) pulumi.Output {
	var values []any
	for _, m := range c.metrics {
		for _, d := range m.Dimensions {
			values = append(values, d.Value)
		}
	}
	return pulumi.All(values...).ApplyT(func(values []any) metricProperties {
		p := metricProperties{Title: c.title, Region: region, View: "timeSeries", Stat: c.statistic, Period: c.period}
		for _, m := range c.metrics {
			row := []any{m.Namespace, m.Name}
			for _, d := range m.Dimensions {
				row = append(row, d.Name, text(values[0]))
				values = values[1:]
			}
			p.Metrics = append(p.Metrics, row)
		}
		if c.search != "" {
			p.Metrics = [][]any{{search{c.search}}}
		}
		if c.threshold != nil {
			p.Annotations = &annotations{Horizontal: []annotation{{Label: "alarm", Value: *c.threshold}}}
		}
		return p
	})
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case pulumi.ID:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// newDashboard creates the one dashboard: the states of the alarms, a section for each part of the system, the services'
// warnings.
func (b *builder) newDashboard(table []alarm, arns pulumi.StringArray) (*cloudwatch.Dashboard, error) {
	region := b.Stack.Region
	all := charts(b.args, table)
	guards := make([]any, len(b.args.GuardARNs))
	for i, arns := range b.args.GuardARNs {
		guards[i] = arns
	}
	shown := pulumi.All(append([]any{arns.ToStringArrayOutput()}, guards...)...).ApplyT(func(values []any) (all []string) {
		for _, arns := range values {
			all = append(all, arns.([]string)...)
		}
		return all
	})
	logs := pulumi.StringArray{b.args.BackendLogGroupName}
	if b.args.Agents {
		logs = append(logs, b.args.AgentLogGroupName)
	}
	inputs := []any{shown, logs.ToStringArrayOutput()}
	for _, c := range all {
		inputs = append(inputs, c.properties(region))
	}
	body := pulumi.All(inputs...).ApplyT(func(values []any) (string, error) {
		body, err := json.Marshal(layout(region, all, values[0].([]string), values[1].([]string), values[2:]))
		return string(body), err
	}).(pulumi.StringOutput)
	dashboard, err := cloudwatch.NewDashboard(b.Ctx, b.Name("dashboard"), &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(b.Stack.Deployment()),
		DashboardBody: body,
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating dashboard: %w", err)
	}
	return dashboard, nil
}

// layout places the widgets. properties are those of the charts, in their order.
func layout(region string, all []chart, alarms, logGroups []string, properties []any) dashboardBody {
	body := dashboardBody{Start: "-PT6H"}
	y := 0
	place := func(kind string, x, width, height int, p any) {
		body.Widgets = append(body.Widgets, widget{Type: kind, X: x, Y: y, Width: width, Height: height, Properties: p})
	}
	place("alarm", 0, gridWidth, 4, alarmProperties{Title: "Alarms", Alarms: alarms})
	y += 4
	for _, s := range []section{doors, backend, database, agents, gateway, storage, network} {
		x, placed := 0, false
		for i, c := range all {
			if c.section != s {
				continue
			}
			if !placed {
				place("text", 0, gridWidth, titleHeight, textProperties{Markdown: "## " + string(s)})
				y += titleHeight
				placed = true
			}
			if x == gridWidth {
				x, y = 0, y+chartHeight
			}
			place("metric", x, chartWidth, chartHeight, properties[i])
			x += chartWidth
		}
		if placed {
			y += chartHeight
		}
	}
	for i, group := range logGroups {
		place("log", i*gridWidth/2, gridWidth/2, logHeight, logProperties{
			Title: "Warnings and errors in " + group, Region: region, View: "table",
			Query: "SOURCE '" + group + "' | fields @timestamp, level, msg, error | filter level in ['WARN', 'ERROR'] " +
				"| sort @timestamp desc | limit 50",
		})
	}
	return body
}

func dashboardURL(info stack.Info, name string) string {
	console := "console.aws.amazon.com"
	switch info.Partition {
	case "aws-cn":
		console = "console.amazonaws.cn"
	case "aws-us-gov":
		console = "console.amazonaws-us-gov.com"
	}
	return "https://" + info.Region + "." + console + "/cloudwatch/home?region=" + info.Region + "#dashboards/dashboard/" + name
}
