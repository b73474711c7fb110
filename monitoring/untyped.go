package monitoring

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// providerVersion is that of pulumi-aws in go.mod. The SDK sets it on every resource that it registers; resources without it
// would get a second, default provider.
const providerVersion = "6.83.4"

// untyped is a resource that is registered by its token: the SDK's packages for the account guards are large to compile and
// hold only a few types that are needed.
type untyped struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// newUntyped creates a resource by its token.
func (b *builder) newUntyped(token, suffix string, inputs pulumi.Map, opts ...pulumi.ResourceOption) (*untyped, error) {
	r := &untyped{}
	opts = append(b.Options(pulumi.Version(providerVersion)), opts...)
	if err := b.Ctx.RegisterResource(token, b.Name(suffix), inputs, r, opts...); err != nil {
		return nil, err
	}
	return r, nil
}
