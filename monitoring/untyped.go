package monitoring

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// providerVersion is that of pulumi-aws in go.mod. The SDK puts it on every resource that it registers; without it these
// here would get a second, default provider.
const providerVersion = "6.83.2"

// untyped is a resource that is registered by its token: the SDK's packages for the account guards are large to compile and
// hold only a few types that are needed.
type untyped struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

func (b *builder) register(token, child string, inputs pulumi.Map, opts ...pulumi.ResourceOption) (*untyped, error) {
	r := &untyped{}
	opts = append([]pulumi.ResourceOption{b.parent, pulumi.Version(providerVersion)}, opts...)
	if err := b.ctx.RegisterResource(token, child, inputs, r, opts...); err != nil {
		return nil, err
	}
	return r, nil
}
