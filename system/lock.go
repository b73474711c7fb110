package system

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LockToken is the type of the lock.
const LockToken = "scalable-backend:system:Lock"

// lock is nothing in AWS. It depends on everything, so `pulumi destroy` comes to it first, and in a stack that lasts it is protected.
//
// Pulumi refuses each protected resource, goes on with the others, and leaves alone only what a refused one depends on
// (deploymentExecutor.performPostSteps and StepExecutor.executeChain of the engine). With the preview skipped, protection of the
// data alone would have all the rest deleted. No update replaces the lock: it has no inputs.
type lock struct {
	pulumi.ResourceState
}

// addLock comes last. A stack to throw away has the lock as well: one that is turned into such a stack could not lose it otherwise.
func (s *system) addLock(ctx *pulumi.Context) error {
	tiers := []pulumi.Resource{s.alerts, s.storage, s.network, s.database, s.images, s.compute, s.api, s.fargate, s.monitoring}
	l := &lock{}
	if err := ctx.RegisterComponentResource(LockToken, "lock", l, pulumi.Protect(!s.at.Disposable), pulumi.DependsOn(tiers)); err != nil {
		return fmt.Errorf("registering the lock: %w", err)
	}
	if err := ctx.RegisterResourceOutputs(l, pulumi.Map{}); err != nil {
		return fmt.Errorf("registering outputs of the lock: %w", err)
	}
	return nil
}
