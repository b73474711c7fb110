package config

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Load reads the configuration that the Pulumi engine hands to the program. The SDK returns values of given keys only; the
// whole map is needed to find unknown keys.
func Load(ctx *pulumi.Context) (Config, error) {
	values := map[string]string{}
	if text := os.Getenv(pulumi.EnvConfig); text != "" {
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			return Config{}, fmt.Errorf("reading the configuration in %s: %w", pulumi.EnvConfig, err)
		}
	}
	// A context that was not started from the environment still knows its values by name.
	known := []string{regionKey, skipRegionKey, accountsKey}
	for _, tier := range tiers(schema(&Config{})) {
		known = append(known, ctx.Project()+":"+tier)
	}
	for _, key := range known {
		if value, ok := ctx.GetConfig(key); ok {
			values[key] = value
		}
	}
	var secrets []string
	for key := range values {
		if ctx.IsConfigSecret(key) {
			secrets = append(secrets, key)
		}
	}
	return Parse(ctx.Project(), ctx.Stack(), values, secrets...)
}

// Parse checks the raw configuration of the stack of this name, values by namespace:key, and returns it typed. It is pure. An
// error lists every problem; secretKeys are the keys whose value is, or holds, a secret.
func Parse(project, name string, values map[string]string, secretKeys ...string) (Config, error) {
	c := Config{Project: project, Stack: name, Production: stack.Production(name)}
	d := &decoder{report: newReport(name), project: project, settings: schema(&c), secrets: secretKeys}
	d.provider(values, &c)
	d.tiers(values)
	check(&c, d.report)
	if err := d.report.err(); err != nil {
		return Config{}, err
	}
	c.Disposable = !c.Database.DeletionProtection
	return c, nil
}
