package monitoring

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

func TestDashboard(t *testing.T) {
	g := record(t, testArgs())
	d := g.Find(t, dashboardType, "monitoring-dashboard")
	assert.Equal(t, "scalable-backend-test", d.String(t, "dashboardName"))
	var body struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height int
			Properties          struct {
				Title, Markdown, Region, Query string
				Alarms                         []string
				Metrics                        [][]any
				Annotations                    struct{ Horizontal []annotation }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(d.String(t, "dashboardBody")), &body))
	var titles []string
	shown := map[string]bool{}
	used := map[[2]int]bool{}
	for _, w := range body.Widgets {
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				require.False(t, used[[2]int{x, y}], "two widgets at %d,%d", x, y)
				used[[2]int{x, y}] = true
			}
		}
		require.LessOrEqual(t, w.X+w.Width, gridWidth)
		switch w.Type {
		case "alarm":
			own := counts(testArgs(), nil)[alarmType]
			assert.Len(t, w.Properties.Alarms, own+1)
			assert.Equal(t, "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:guard", w.Properties.Alarms[own])
		case "text":
			titles = append(titles, w.Properties.Markdown)
		case "metric":
			assert.Equal(t, "eu-central-1", w.Properties.Region)
			shown[w.Properties.Title] = true
		case "log":
			shown[w.Properties.Title] = true
			assert.Contains(t, w.Properties.Query, "SOURCE '")
		}
	}
	assert.Equal(t, []string{
		"## Load balancers", "## Backend", "## Database", "## Agents and queue", "## API Gateway", "## Storage", "## Network",
	}, titles)
	for _, r := range g.OfType(alarmType) {
		assert.True(t, shown[strings.TrimPrefix(r.Name, "monitoring-")], "no chart of %s", r.Name)
	}
	assert.True(t, shown["Warnings and errors in backend-logs"])
	assert.True(t, shown["Warnings and errors in agent-logs"])
	assert.Contains(t, d.String(t, "dashboardBody"), `["ScalableBackend","QueueBacklog","stack","test"]`)
	assert.False(t, shown["latency by route"], "the chart needs the names of the backend's request metrics")
	assert.Contains(t, d.String(t, "dashboardBody"), `["AWS/NATGateway","ErrorPortAllocation","NatGatewayId","nat-b"]`)
}

func TestDashboardByRoute(t *testing.T) {
	args := testArgs()
	args.Metrics.RequestLatency, args.Metrics.RequestErrors, args.Metrics.Requests = "RequestLatencyMs", "RequestErrors", "Requests"
	args.Metrics.HostMemory, args.Metrics.HostDisk = "mem_used_percent", "disk_used_percent"
	var body dashboardBody
	require.NoError(t, json.Unmarshal([]byte(record(t, args).Only(t, dashboardType).String(t, "dashboardBody")), &body))
	assert.Contains(t, record(t, args).Only(t, dashboardType).String(t, "dashboardBody"),
		`["ScalableBackend","disk_used_percent","stack","test"]`)
	var searches []any
	for _, w := range body.Widgets {
		properties := w.Properties.(map[string]any)
		if title, _ := properties["title"].(string); strings.HasSuffix(title, "by route") {
			searches = append(searches, properties["metrics"])
		}
	}
	assert.Equal(t, []any{
		[]any{
			[]any{map[string]any{"expression": `SEARCH('{"ScalableBackend",stack,route} MetricName="RequestLatencyMs" stack="test"', 'p99', 60)`}}},
		[]any{
			[]any{map[string]any{"expression": `SEARCH('{"ScalableBackend",stack,route} MetricName="RequestErrors" stack="test"', 'Sum', 60)`}}},
		[]any{[]any{map[string]any{"expression": `SEARCH('{"ScalableBackend",stack,route} MetricName="Requests" stack="test"', 'Sum', 60)`}}},
	}, searches)
}

func TestDashboardURL(t *testing.T) {
	infratest.Run(t, func(ctx *pulumi.Context) error {
		m, err := New(ctx, "monitoring", testArgs())
		if err != nil {
			return err
		}
		assert.Equal(t,
			"https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/scalable-backend-test",
			infratest.Value[string](t, m.DashboardURL))
		return nil
	})
	china := infratest.Stack()
	china.Partition, china.Region = "aws-cn", "cn-north-1"
	assert.Contains(t, dashboardURL(china, "x"), "https://cn-north-1.console.amazonaws.cn/")
	gov := infratest.Stack()
	gov.Partition, gov.Region = "aws-us-gov", "us-gov-west-1"
	assert.Contains(t, dashboardURL(gov, "x"), "https://us-gov-west-1.console.amazonaws-us-gov.com/")
}
