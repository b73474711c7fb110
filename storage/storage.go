// Package storage is the tier of what the system keeps outside of the database: the bucket of the files, the bucket that
// receives access logs, and the KMS keys of the stack's data and logs.
package storage

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Token is the component's type.
const Token = "scalable-backend:storage:Storage"

const (
	// RequestMetrics is the id of the data bucket's request metrics: the FilterId dimension of its CloudWatch metrics.
	RequestMetrics = "EntireBucket"
	// LoadBalancerLogPrefix is where load balancers may write in the log bucket.
	LoadBalancerLogPrefix = "alb"
)

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// LogRetentionDays is how long access logs are kept in the log bucket; at least 1.
	LogRetentionDays int
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("storage.Args: want a value, got nil")
	}
	check := component.NewCheck("storage.Args")
	check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	return check.Err()
}

// Storage is the component. The names of the buckets are known when the buckets can be used: when their access is blocked, they
// are encrypted and versioned, and their policies are in force.
type Storage struct {
	pulumi.ResourceState

	BucketName    pulumi.StringOutput // of the files
	BucketARN     pulumi.StringOutput
	LogBucketName pulumi.StringOutput // of the access logs
	LogBucketARN  pulumi.StringOutput
	DataKeyARN    pulumi.StringOutput // encrypts files, database, secrets and images
	LogsKeyARN    pulumi.StringOutput // encrypts log groups
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Storage, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	s := &Storage{}
	base, err := component.Register(ctx, Token, name, s, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	if err := b.newKeys(s); err != nil {
		return nil, err
	}
	data, err := b.newBucket("data", b.Protect())
	if err != nil {
		return nil, err
	}
	logs, err := b.newBucket("logs")
	if err != nil {
		return nil, err
	}
	s.BucketARN, s.LogBucketARN = data.Arn, logs.Arn
	if s.LogBucketName, err = b.newLogBucketSettings(logs, data.Arn); err != nil {
		return nil, err
	}
	if s.BucketName, err = b.newDataBucketSettings(data, s.DataKeyARN, s.LogBucketName); err != nil {
		return nil, err
	}
	if err := b.RegisterOutputs(pulumi.Map{
		"bucketName":    s.BucketName,
		"bucketArn":     s.BucketARN,
		"logBucketName": s.LogBucketName,
		"logBucketArn":  s.LogBucketARN,
		"dataKeyArn":    s.DataKeyARN,
		"logsKeyArn":    s.LogsKeyARN,
	}); err != nil {
		return nil, err
	}
	return s, nil
}
