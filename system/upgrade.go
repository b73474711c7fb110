package system

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
)

// checkUpgrade compares the major versions that the stack's databases run with those that the configuration means, and returns a
// warning, or an error for an update that RDS refuses halfway: it takes no parameters of a version that a read replica does not run
// yet, and upgrades replicas with their source, in its maintenance window. Whoever may not look is not stopped.
func checkUpgrade(ctx *pulumi.Context, cfg config.Config, at stack.Info) (warning string, err error) {
	db := &cfg.Database
	if db.Replicas == 0 && db.Previous() == "" {
		return "", nil
	}
	running := majorVersions(ctx, at)
	for _, v := range running {
		if db.Replicas > 0 && v != db.EngineVersion && v != db.Previous() {
			return "", fmt.Errorf("database.engineVersion is %s, and a database of the stack runs %s: with read replicas an upgrade takes two "+
				"updates. Set database.previousVersion to %s for the first, and to none again once all have been upgraded: "+
				"docs/runbook.md#upgrade-postgresql", db.EngineVersion, v, v)
		}
	}
	other := func(v string) bool { return v != db.EngineVersion }
	if db.Previous() != "" && len(running) > 0 && !slices.ContainsFunc(running, other) {
		return fmt.Sprintf("every database of the stack runs %s: set database.previousVersion to none, so that the read replicas get its "+
			"parameters (docs/runbook.md#upgrade-postgresql)", db.EngineVersion), nil
	}
	return "", nil
}

// majorVersions are those that the stack's databases run; none in a new stack.
func majorVersions(ctx *pulumi.Context, at stack.Info) []string {
	found, err := rds.GetInstances(ctx, &rds.GetInstancesArgs{Tags: at.Own()})
	if err != nil {
		return nil
	}
	var versions []string
	for _, id := range found.InstanceIdentifiers {
		instance, err := rds.LookupInstance(ctx, &rds.LookupInstanceArgs{DbInstanceIdentifier: &id})
		if err != nil {
			continue
		}
		major, _, _ := strings.Cut(instance.EngineVersion, ".")
		versions = append(versions, major)
	}
	return versions
}
