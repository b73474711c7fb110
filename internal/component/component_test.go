package component_test

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/component"
	"scalable-backend/internal/infratest"
)

const (
	token     = "scalable-backend:tier:Thing"
	alarmType = "aws:cloudwatch/metricAlarm:MetricAlarm"
	logsType  = "aws:cloudwatch/logGroup:LogGroup"

	topic = "arn:aws:sns:eu-central-1:123456789012:alerts"
	key   = "arn:aws:kms:eu-central-1:123456789012:key/logs"
)

type thing struct {
	pulumi.ResourceState

	Name pulumi.StringOutput
}

// record runs a component whose children are those of build.
func record(t *testing.T, disposable bool, build func(*component.Builder) error) *infratest.Graph {
	t.Helper()
	info := infratest.Stack()
	info.Disposable = disposable
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		c := &thing{Name: pulumi.String("thing").ToStringOutput()}
		b, err := component.Register(ctx, token, "thing", c, info)
		if err != nil {
			return err
		}
		if err := build(b); err != nil {
			return err
		}
		return b.RegisterOutputs(pulumi.Map{"name": c.Name})
	})
	g.RequireDescend(t, token+"::thing")
	return g
}

func TestRegisterRefusesAnotherToken(t *testing.T) {
	err := infratest.RunError(t, func(ctx *pulumi.Context) error {
		_, err := component.Register(ctx, "thing", "thing", &thing{}, infratest.Stack())
		return err
	})
	require.ErrorContains(t, err, `type token "thing": want scalable-backend:tier:Type`)
}

func TestLogGroup(t *testing.T) {
	g := record(t, false, func(b *component.Builder) error {
		_, err := b.NewLogGroup("logs", component.LogGroup{RetentionDays: 14, KeyARN: pulumi.String(key)})
		if err != nil {
			return err
		}
		_, err = b.NewLogGroup("named", component.LogGroup{Name: pulumi.String("/name"), RetentionDays: 14, KeyARN: pulumi.String(key)})
		return err
	})
	require.Equal(t, map[string]any{"retentionInDays": 14.0, "kmsKeyId": key, "tags": map[string]any{
		"Name": "thing-logs", "project": infratest.Project, "stack": infratest.StackID,
		"deployment": "scalable-backend-test", "tier": "tier", "managed-by": "pulumi",
	}}, g.Find(t, logsType, "thing-logs").Inputs)
	require.Equal(t, "/name", g.Find(t, logsType, "thing-named").String(t, "name"))
}

// With the runbook's address the reference is a link.
func TestRunbookLink(t *testing.T) {
	b := &component.Builder{}
	require.Equal(t, "It is broken. Runbook: docs/runbook.md#disk", b.WithRunbook("It is broken.", "disk"))
	b.Stack.RunbookURL = "https://wiki.example.com/runbook"
	require.Equal(t, "It is broken. Runbook: https://wiki.example.com/runbook#disk", b.WithRunbook("It is broken.", "disk"))
}

func TestAlarm(t *testing.T) {
	g := record(t, false, func(b *component.Builder) error {
		metric := component.Metric{Namespace: "N", Name: "M", Dimensions: []component.Dimension{{Name: "d", Value: pulumi.String("v")}}}
		for suffix, a := range map[string]component.Alarm{
			"simple": {Metric: metric, Statistic: "Maximum", Period: 60, Actions: []string{"arn:aws:x"}},
			"tail":   {Metric: metric, Statistic: "p99", Period: 60, Breaching: 2, Runbook: "latency"},
			"math":   {Queries: cloudwatch.MetricAlarmMetricQueryArray{cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String("q")}}},
		} {
			a.Description, a.Topic = "It is broken.", pulumi.String(topic)
			a.Comparison, a.Threshold, a.Periods, a.NoData = component.AtLeast, 5, 3, component.NoDataIsAlarm
			if _, err := b.NewAlarm(suffix, a); err != nil {
				return err
			}
		}
		return nil
	})
	inputs := func(name string) map[string]any {
		in := g.Find(t, alarmType, name).Inputs
		delete(in, "tags")
		return in
	}
	want := func(entry string, more map[string]any) map[string]any {
		in := map[string]any{
			"alarmDescription": "It is broken. Runbook: docs/runbook.md#" + entry, "alarmActions": []any{topic}, "okActions": []any{topic},
			"comparisonOperator": "GreaterThanOrEqualToThreshold", "threshold": 5.0, "evaluationPeriods": 3.0, "treatMissingData": "breaching",
		}
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	require.Equal(t, want("simple", map[string]any{
		"namespace": "N", "metricName": "M", "dimensions": map[string]any{"d": "v"}, "statistic": "Maximum", "period": 60.0,
		"alarmActions": []any{"arn:aws:x", topic},
	}), inputs("thing-simple"))
	require.Equal(t, want("latency", map[string]any{
		"namespace": "N", "metricName": "M", "dimensions": map[string]any{"d": "v"}, "period": 60.0,
		"extendedStatistic": "p99", "evaluateLowSampleCountPercentiles": "ignore", "datapointsToAlarm": 2.0,
	}), inputs("thing-tail"))
	require.Equal(t, want("math", map[string]any{"metricQueries": []any{map[string]any{"id": "q"}}}), inputs("thing-math"))
}

func TestProtection(t *testing.T) {
	for _, disposable := range []bool{true, false} {
		g := record(t, disposable, func(b *component.Builder) error {
			require.Equal(t, map[bool]pulumi.Int{true: 7, false: 30}[disposable], b.RecoveryDays(7))
			_, err := cloudwatch.NewLogGroup(b.Ctx, b.Name("logs"), nil, b.Options(b.Protect())...)
			return err
		})
		require.Equal(t, !disposable, g.Only(t, logsType).Protect)
	}
}

// A resource that uses a value from After depends on everything passed to After.
func TestAfter(t *testing.T) {
	g := record(t, true, func(b *component.Builder) error {
		first, err := b.NewLogGroup("first", component.LogGroup{KeyARN: pulumi.String(key)})
		if err != nil {
			return err
		}
		second, err := b.NewLogGroup("second", component.LogGroup{KeyARN: pulumi.String(key)})
		if err != nil {
			return err
		}
		for suffix, name := range map[string]pulumi.StringOutput{
			"text": component.After(pulumi.String("text"), first.ID(), second.Arn), "id": component.After(first.ID(), second.Arn),
		} {
			if _, err := b.NewLogGroup(suffix, component.LogGroup{Name: name, KeyARN: pulumi.String(key)}); err != nil {
				return err
			}
		}
		return nil
	})
	text := g.Find(t, logsType, "thing-text")
	require.Equal(t, "text", text.String(t, "name"))
	require.Subset(t, text.DependsOn, []string{logsType + "::thing-first", logsType + "::thing-second"})
	require.Equal(t, "thing-first", g.Find(t, logsType, "thing-id").String(t, "name"))
}

func TestCheck(t *testing.T) {
	type args struct {
		ID, Optional pulumi.StringInput
		IDs          pulumi.StringArrayInput
		Count        int
	}
	check := component.NewCheck("tier.Args")
	check.Inputs(args{ID: pulumi.String("x"), IDs: pulumi.StringArray{}}, component.NeededWhen{"Optional": false})
	check.That(true, "Count", "a number", 1)
	check.NoError("Count", nil)
	check.AtLeast("Count", 1, 1)
	check.Between("Count", 1, 2, 2)
	require.NoError(t, check.Err())

	check = component.NewCheck("tier.Args")
	check.Inputs(args{}, component.NeededWhen{"Optional": true})
	check.That(false, "Name", "letters", "1")
	check.NoError("Range", errors.New("of no use"))
	check.AtLeast("Count", 1, 0)
	check.Between("Count", 1, 2, 3)
	require.EqualError(t, check.Err(), `tier.Args.ID: want a value, got nil
tier.Args.Optional: want a value, got nil
tier.Args.IDs: want a value, got nil
tier.Args.Name: want letters, got "1"
tier.Args.Range: of no use
tier.Args.Count: want at least 1, got 0
tier.Args.Count: want 1..2, got 3`)
	require.PanicsWithValue(t, "tier.Args has no field Wrong", func() { check.Inputs(args{}, component.NeededWhen{"Wrong": true}) })
}
