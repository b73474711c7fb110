package component

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LogGroup describes a log group.
type LogGroup struct {
	Name          pulumi.StringPtrInput // in AWS; nil: made from the child's name
	RetentionDays int                   // one of the values that CloudWatch accepts
	KeyARN        pulumi.StringInput    // KMS key that encrypts the lines
}

// NewLogGroup creates a log group. Create it before anything writes to it: a group that AWS creates by itself is not encrypted
// with the stack's key and never expires.
func (b *Builder) NewLogGroup(suffix string, args LogGroup) (*cloudwatch.LogGroup, error) {
	group, err := cloudwatch.NewLogGroup(b.Ctx, b.Name(suffix), &cloudwatch.LogGroupArgs{
		Name:            args.Name,
		RetentionInDays: pulumi.Int(args.RetentionDays),
		KmsKeyId:        args.KeyARN.ToStringOutput(),
		Tags:            b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating log group %s: %w", b.Name(suffix), err)
	}
	return group, nil
}
