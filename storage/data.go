package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// What something other than the backend has deleted or overwritten can be brought back for this long. The backend deletes a
// version by its name, for good.
const noncurrentDays = 30

// Parts of an upload that nobody completed are paid for until they are aborted.
const abortDays = 7

// fitDataBucket completes the bucket that holds the files and returns its name, known when it can be used.
func (b *builder) fitDataBucket(bucket *s3.BucketV2, keyARN, logBucket pulumi.StringOutput) (pulumi.StringOutput, error) {
	name, versioning, err := b.fit("data", bucket, fitting{KeyARN: keyARN})
	if err != nil {
		return name, err
	}
	_, err = s3.NewBucketLifecycleConfigurationV2(b.ctx, b.child("data"), &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{
			&s3.BucketLifecycleConfigurationV2RuleArgs{
				Id:     pulumi.String("files"),
				Status: pulumi.String("Enabled"),
				Filter: everyObject(),
				// The access tiers answer at once; the archive tiers, which do not, would need a configuration of their own.
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
	}, b.opts(pulumi.DependsOn([]pulumi.Resource{versioning}))...)
	if err != nil {
		return name, fmt.Errorf("setting lifecycle of bucket data: %w", err)
	}
	_, err = s3.NewBucketLoggingV2(b.ctx, b.child("data"), &s3.BucketLoggingV2Args{
		Bucket:       bucket.ID(),
		TargetBucket: logBucket,
		TargetPrefix: pulumi.String(s3LogPrefix + "/"),
	}, b.opts()...)
	if err != nil {
		return name, fmt.Errorf("logging access to bucket data: %w", err)
	}
	_, err = s3.NewBucketMetric(b.ctx, b.child("data"), &s3.BucketMetricArgs{
		Bucket: bucket.ID(),
		Name:   pulumi.String(RequestMetrics),
	}, b.opts()...)
	if err != nil {
		return name, fmt.Errorf("enabling request metrics of bucket data: %w", err)
	}
	return name, nil
}

// everyObject is the filter that matches all: the provider wants one, and the empty one is lost on the way to it.
func everyObject() *s3.BucketLifecycleConfigurationV2RuleFilterArgs {
	return &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}
}

func abortUploads() *s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs {
	return &s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{DaysAfterInitiation: pulumi.Int(abortDays)}
}
