package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// noncurrentDays is how long an object can be restored that something other than the backend has deleted or overwritten.
	// The backend itself deletes versions by their ids, which cannot be undone.
	noncurrentDays = 30
	// abortDays is how long an upload may stay incomplete. Until it is aborted, its parts are paid for.
	abortDays = 7
)

// newDataBucketSettings completes the bucket that holds the files and returns its name, known when it can be used.
func (b *builder) newDataBucketSettings(bucket *s3.BucketV2, keyARN, logBucket pulumi.StringOutput) (pulumi.StringOutput, error) {
	name, versioning, err := b.newBucketSettings("data", bucket, bucketSettings{KeyARN: keyARN})
	if err != nil {
		return name, err
	}
	_, err = s3.NewBucketLifecycleConfigurationV2(b.Ctx, b.Name("data"), &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{
			&s3.BucketLifecycleConfigurationV2RuleArgs{
				Id:     pulumi.String("files"),
				Status: pulumi.String("Enabled"),
				Filter: everyObject(),
				// Objects stay readable at once. Archive access, which is not, would need a configuration of its own.
				Transitions: s3.BucketLifecycleConfigurationV2RuleTransitionArray{
					&s3.BucketLifecycleConfigurationV2RuleTransitionArgs{Days: pulumi.Int(0), StorageClass: pulumi.String("INTELLIGENT_TIERING")},
				},
				NoncurrentVersionExpiration: &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
					NoncurrentDays: pulumi.Int(noncurrentDays),
				},
				Expiration:                     &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{ExpiredObjectDeleteMarker: pulumi.Bool(true)},
				AbortIncompleteMultipartUpload: abortUploads(),
			},
		},
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{versioning}))...)
	if err != nil {
		return name, fmt.Errorf("setting lifecycle of bucket data: %w", err)
	}
	_, err = s3.NewBucketLoggingV2(b.Ctx, b.Name("data"), &s3.BucketLoggingV2Args{
		Bucket:       bucket.ID(),
		TargetBucket: logBucket,
		TargetPrefix: pulumi.String(s3LogPrefix + "/"),
	}, b.Options()...)
	if err != nil {
		return name, fmt.Errorf("logging access to bucket data: %w", err)
	}
	_, err = s3.NewBucketMetric(b.Ctx, b.Name("data"), &s3.BucketMetricArgs{
		Bucket: bucket.ID(),
		Name:   pulumi.String(RequestMetrics),
	}, b.Options()...)
	if err != nil {
		return name, fmt.Errorf("enabling request metrics of bucket data: %w", err)
	}
	return name, nil
}

// everyObject matches all objects. The provider wants a filter with a field; a filter without any does not reach it.
func everyObject() *s3.BucketLifecycleConfigurationV2RuleFilterArgs {
	return &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}
}

func abortUploads() *s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs {
	return &s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{DaysAfterInitiation: pulumi.Int(abortDays)}
}
