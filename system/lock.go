package system

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LockToken is the type of the lock.
const LockToken = "scalable-backend:system:Lock"

// lock is nothing in AWS. It depends on everything, so `pulumi destroy` comes to it first, and in a stack that lasts it is protected.
//
// Pulumi refuses each protected resource, goes on with the others, and leaves alone only what a refused one depends on
// (deploymentExecutor.performPostSteps and StepExecutor.executeChain of the engine). With the preview skipped, protection of the
// data alone would have all the rest deleted. No update replaces the lock: it has no inputs. Nor is it in the way of one that replaces
// what it depends on: with a resource that is deleted first go only those whose inputs depend on it, and never a component
// (stepGenerator.calculateDependentReplacements).
type lock struct {
	pulumi.ResourceState

	mu        sync.Mutex
	dependsOn []pulumi.Resource
}

// newLock begins to collect what the program registers. To depend on the tiers' components would not do: their children are counted at
// some moment of the program, and the last of them come later (pulumi/sdk, addDependency and getOpts).
func newLock(ctx *pulumi.Context) (*lock, error) {
	l := &lock{}
	err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		// What a remote component returns comes along here too, at some later moment: an object of a resource that has its URN.
		if options, err := pulumi.NewResourceOptions(args.Opts...); err != nil || options.URN != "" {
			return nil
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dependsOn = append(l.dependsOn, args.Resource)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("collecting resources for the lock: %w", err)
	}
	return l, nil
}

// addLock comes last. A stack to throw away has the lock as well: one that is turned into such a stack could not lose it otherwise.
func (s *system) addLock(ctx *pulumi.Context) error {
	s.lock.mu.Lock()
	all := slices.Clone(s.lock.dependsOn)
	s.lock.mu.Unlock()
	if err := ctx.RegisterComponentResource(LockToken, "lock", s.lock, pulumi.Protect(!s.at.Disposable), pulumi.DependsOn(all)); err != nil {
		return fmt.Errorf("registering the lock: %w", err)
	}
	if err := ctx.RegisterResourceOutputs(s.lock, pulumi.Map{}); err != nil {
		return fmt.Errorf("registering outputs of the lock: %w", err)
	}
	return nil
}
