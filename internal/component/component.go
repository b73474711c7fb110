// Package component holds the common code of the tiers: registering a component, the names, tags and options of its children,
// log groups, alarms, and checks of Args.
//
// A tier embeds one Builder in its own type builder, together with its Args. A method that creates something is called newX and
// names its children by a suffix:
//
//	ec2.NewVpc(b.Ctx, b.Name("vpc"), &ec2.VpcArgs{Tags: b.Tags("vpc")}, b.Options()...)
package component

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Builder creates the children of one component.
type Builder struct {
	Ctx   *pulumi.Context
	Stack stack.Info

	name   string
	tier   string
	parent pulumi.ComponentResource
}

// Register registers parent as a component and returns the builder of its children. The token is "scalable-backend:tier:Type";
// its middle part is the value of the tag "tier". opts are the caller's and apply only to the component.
func Register(
	ctx *pulumi.Context, token, name string, parent pulumi.ComponentResource, info stack.Info, opts ...pulumi.ResourceOption,
) (*Builder, error) {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("type token %q: want scalable-backend:tier:Type", token)
	}
	if err := ctx.RegisterComponentResource(token, name, parent, opts...); err != nil {
		return nil, fmt.Errorf("registering component %s: %w", name, err)
	}
	return &Builder{Ctx: ctx, Stack: info, name: name, tier: parts[1], parent: parent}, nil
}

// Name returns the name of a child in Pulumi: the component's name, a dash and the suffix.
func (b *Builder) Name(suffix string) string { return b.name + "-" + suffix }

// Tags returns the tags of a child, with its name as the tag Name.
func (b *Builder) Tags(suffix string) pulumi.StringMap {
	return pulumi.ToStringMap(b.Stack.Tags(b.tier, b.Name(suffix)))
}

// Options returns the options of a child: the component as its parent, and more.
func (b *Builder) Options(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{b.Parent()}, more...)
}

// Parent makes the component the parent. Lookups use it as their only option; children get it from Options.
func (b *Builder) Parent() pulumi.ResourceOrInvokeOption { return pulumi.Parent(b.parent) }

// Protect protects a child that cannot be recreated from deletion, except in a disposable stack.
func (b *Builder) Protect() pulumi.ResourceOption { return pulumi.Protect(!b.Stack.Disposable) }

// RecoveryDays returns how long AWS keeps a deleted key or secret: 30 days, in a disposable stack the fewest that the service
// allows.
func (b *Builder) RecoveryDays(fewest int) pulumi.Int {
	if b.Stack.Disposable {
		return pulumi.Int(fewest)
	}
	return 30
}

// RegisterOutputs registers the component's outputs. Call it last, after all fields are set.
func (b *Builder) RegisterOutputs(outputs pulumi.Map) error {
	if err := b.Ctx.RegisterResourceOutputs(b.parent, outputs); err != nil {
		return fmt.Errorf("registering outputs of component %s: %w", b.name, err)
	}
	return nil
}

// After returns value as an output that depends on everything in ready. A resource that uses an id, a name or an ARN from After
// waits until the named resource can be used. value is a text or an id.
func After(value pulumi.Input, ready ...any) pulumi.StringOutput {
	return pulumi.All(append([]any{value}, ready...)...).ApplyT(func(values []any) string {
		if id, ok := values[0].(pulumi.ID); ok {
			return string(id)
		}
		return values[0].(string)
	}).(pulumi.StringOutput)
}
