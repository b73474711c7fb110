package config

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAnyInput: parse returns a result for any values, and an accepted configuration has the documented properties.
func TestAnyInput(t *testing.T) {
	settings := schema(&Config{})
	texts := []string{"", "true", "20", "[secret]", "10.0.0.0/16", "0.0.0.0/0", "a@b.io", "single", "ecr.api", "t4g.small", "db.t4g.micro",
		"ami-01234567", "files.corp.io", "Z0123456789ABCDEFGHIJ"}
	scalar := rapid.OneOf(
		rapid.Map(rapid.IntRange(-2, 20000), func(n int) any { return n }),
		rapid.Map(rapid.SampledFrom([]int{1, 2, 3, 5, 14, 256, 512, 1024, 2048, 4096, 8192}), func(n int) any { return n }),
		rapid.Map(rapid.SampledFrom(texts), func(s string) any { return s }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Just[any](nil), rapid.Just[any](1.5),
	)
	value := rapid.OneOf(scalar, rapid.Map(rapid.SliceOfN(scalar, 0, 3), func(list []any) any { return list }),
		rapid.Map(rapid.MapOfN(rapid.OneOf(rapid.SampledFrom(texts), rapid.String()), scalar, 0, 3), func(m map[string]any) any { return m }))
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		values := raw()
		// Random changes of all keys are nearly always refused; those of one tier are often accepted.
		changed := rapid.OneOf(rapid.Just("all"), rapid.SampledFrom(tiers(settings)), rapid.SampledFrom(tiers(settings))).Draw(t, "changed")
		for _, tier := range tiers(settings) {
			object := map[string]any{}
			for range rapid.IntRange(0, 2).Draw(t, "keys") {
				s := rapid.SampledFrom(settings).Draw(t, "setting")
				name := rapid.OneOf(rapid.Just(s.name()), rapid.Just(s.name()), rapid.String()).Draw(t, "name")
				if s.tier() == tier && (changed == tier || changed == "all") {
					object[name] = value.Draw(t, "value")
				}
			}
			encoded, err := json.Marshal(object)
			require.NoError(t, err)
			text := string(encoded)
			if rapid.IntRange(0, 30).Draw(t, "garbage") == 0 {
				text = rapid.String().Draw(t, "text")
			}
			values[testProject+":"+tier] = text
		}
		stack := rapid.SampledFrom([]string{"dev", "prod"}).Draw(t, "stack")
		c, err := Parse(testProject, stack, values)
		seen := map[string]bool{}
		for _, p := range problemsOf(t, err) {
			require.False(t, seen[p.key], "two problems for %s", p.key)
			seen[p.key] = true
		}
		if err == nil {
			accepted++
			requirePromises(t, c)
		}
	})
	require.Positive(t, accepted, "no configuration was accepted")
}

func requirePromises(t *rapid.T, c Config) {
	require.LessOrEqual(t, c.Compute.MinSize, c.Compute.DesiredCapacity)
	require.LessOrEqual(t, c.Compute.DesiredCapacity, c.Compute.MaxSize)
	require.LessOrEqual(t, c.Fargate.MinTasks, c.Fargate.DesiredTasks)
	require.LessOrEqual(t, c.Fargate.DesiredTasks, c.Fargate.MaxTasks)
	require.Positive(t, c.Compute.MinSize)
	require.Positive(t, c.Fargate.MaxTasks)
	require.NotEqual(t, c.Compute.Program.Port, c.Compute.Program.GatewayPort)
	require.Zero(t, c.Compute.Program.Excess())
	require.True(t, c.Fargate.MinTasks > 0 || c.Monitoring.ServiceMetrics)
	require.Contains(t, []string{"arm64", "x86_64"}, c.Compute.Architecture)
	require.GreaterOrEqual(t, c.Fargate.Memory, 2*c.Fargate.CPU)
	require.LessOrEqual(t, c.Fargate.Memory, 8*c.Fargate.CPU)
	require.Contains(t, logRetention, c.Monitoring.LogRetentionDays)
	require.NotEqual(t, c.Disposable, c.Database.DeletionProtection)
	if !c.HTTPS() {
		require.NotContains(t, c.Compute.AllowedCIDRs, "0.0.0.0/0")
	}
	if c.HTTPS() {
		require.NotEmpty(t, c.Compute.DomainName, "no certificate covers AWS's name")
	}
	if c.Production {
		require.True(t, c.Database.DeletionProtection && c.Database.MultiAZ && c.HTTPS() && len(c.AllowedAccountIDs) > 0)
		require.NotEmpty(t, c.Compute.DomainName)
	}
}
