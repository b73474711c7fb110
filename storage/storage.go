// Package storage makes the data bucket, the bucket that receives access logs, and the KMS keys of the stack's data and logs.
package storage

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

const componentType = "scalable-backend:storage:Storage"

const (
	// RequestMetrics is the id of the data bucket's request metrics: the FilterId dimension of its CloudWatch metrics.
	RequestMetrics = "EntireBucket"
	// LoadBalancerLogPrefix is where load balancers may write in the log bucket.
	LoadBalancerLogPrefix = "alb"
)

// Args decide the storage.
type Args struct {
	Stack            stack.Info
	LogRetentionDays int // of the access logs
}

// Storage is the component. The names of the buckets resolve when the buckets can be used: access blocked, encrypted,
// versioned, and their policies in force.
type Storage struct {
	pulumi.ResourceState

	BucketName    pulumi.StringOutput
	BucketARN     pulumi.StringOutput
	LogBucketName pulumi.StringOutput
	LogBucketARN  pulumi.StringOutput
	DataKeyARN    pulumi.StringOutput
	LogsKeyARN    pulumi.StringOutput
}

func (a *Args) validate() error {
	if a.LogRetentionDays < 1 {
		return fmt.Errorf("storage.Args.LogRetentionDays: want at least 1, got %d", a.LogRetentionDays)
	}
	return nil
}

// builder carries what every step of making the storage needs.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	parent pulumi.Resource
}

func (b *builder) child(suffix string) string { return b.name + "-" + suffix }

func (b *builder) tags(suffix string) pulumi.StringMap {
	return b.args.Stack.Tags("storage", b.child(suffix))
}

func (b *builder) opts(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(b.parent)}, more...)
}

// protect keeps what cannot be made again, except in a stack that is to leave nothing behind.
func (b *builder) protect() pulumi.ResourceOption { return pulumi.Protect(!b.args.Stack.Disposable) }

// New makes the storage.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Storage, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	s := &Storage{}
	if err := ctx.RegisterComponentResource(componentType, name, s, opts...); err != nil {
		return nil, fmt.Errorf("registering storage: %w", err)
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: s}
	if err := b.makeKeys(s); err != nil {
		return nil, err
	}
	data, err := b.makeBucket("data", b.protect())
	if err != nil {
		return nil, err
	}
	logs, err := b.makeBucket("logs")
	if err != nil {
		return nil, err
	}
	s.BucketARN, s.LogBucketARN = data.Arn, logs.Arn
	if s.LogBucketName, err = b.fitLogBucket(logs, data.Arn); err != nil {
		return nil, err
	}
	if s.BucketName, err = b.fitDataBucket(data, s.DataKeyARN, s.LogBucketName); err != nil {
		return nil, err
	}
	err = ctx.RegisterResourceOutputs(s, pulumi.Map{
		"bucketName":    s.BucketName,
		"bucketArn":     s.BucketARN,
		"logBucketName": s.LogBucketName,
		"logBucketArn":  s.LogBucketARN,
		"dataKeyArn":    s.DataKeyARN,
		"logsKeyArn":    s.LogsKeyARN,
	})
	if err != nil {
		return nil, fmt.Errorf("registering outputs of storage: %w", err)
	}
	return s, nil
}
