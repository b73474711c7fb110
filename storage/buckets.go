package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/policy"
)

func (b *builder) newBucket(suffix string, opts ...pulumi.ResourceOption) (*s3.BucketV2, error) {
	bucket, err := s3.NewBucketV2(b.Ctx, b.Name(suffix), &s3.BucketV2Args{
		ForceDestroy: pulumi.Bool(b.Stack.Disposable),
		Tags:         b.Tags(suffix),
	}, b.Options(opts...)...)
	if err != nil {
		return nil, fmt.Errorf("creating bucket %s: %w", suffix, err)
	}
	return bucket, nil
}

// bucketSettings are what differs between the settings of the buckets, besides their lifecycles.
type bucketSettings struct {
	KeyARN     pulumi.StringInput // KMS key that encrypts the objects; nil: keys of S3
	Statements []policy.Statement // of the bucket's policy, besides the one that refuses plain HTTP
}

// newBucketSettings gives a bucket its access block, ownership, encryption, versioning and policy. It returns the bucket's
// name, known when all of them exist, and the versioning, which has to exist before lifecycle rules on old versions.
func (b *builder) newBucketSettings(
	suffix string, bucket *s3.BucketV2, settings bucketSettings,
) (pulumi.StringOutput, *s3.BucketVersioningV2, error) {
	var none pulumi.StringOutput
	block, err := s3.NewBucketPublicAccessBlock(b.Ctx, b.Name(suffix), &s3.BucketPublicAccessBlockArgs{
		Bucket:                bucket.ID(),
		BlockPublicAcls:       pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		RestrictPublicBuckets: pulumi.Bool(true),
	}, b.Options()...)
	if err != nil {
		return none, nil, fmt.Errorf("blocking public access to bucket %s: %w", suffix, err)
	}
	ownership, err := s3.NewBucketOwnershipControls(b.Ctx, b.Name(suffix), &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.ID(),
		Rule:   &s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, b.Options()...)
	if err != nil {
		return none, nil, fmt.Errorf("setting ownership of bucket %s: %w", suffix, err)
	}
	encryption, err := s3.NewBucketServerSideEncryptionConfigurationV2(b.Ctx, b.Name(suffix),
		&s3.BucketServerSideEncryptionConfigurationV2Args{
			Bucket: bucket.ID(),
			Rules:  s3.BucketServerSideEncryptionConfigurationV2RuleArray{encryptionRule(settings.KeyARN)},
		}, b.Options()...)
	if err != nil {
		return none, nil, fmt.Errorf("encrypting bucket %s: %w", suffix, err)
	}
	versioning, err := s3.NewBucketVersioningV2(b.Ctx, b.Name(suffix), &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: &s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, b.Options()...)
	if err != nil {
		return none, nil, fmt.Errorf("versioning bucket %s: %w", suffix, err)
	}
	// A bucket has one policy document; S3 refuses to write it while the access block is being written.
	document, err := s3.NewBucketPolicy(b.Ctx, b.Name(suffix), &s3.BucketPolicyArgs{
		Bucket: bucket.ID(),
		Policy: policy.JSON(append([]policy.Statement{tlsOnly(bucket)}, settings.Statements...)...),
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{block, ownership}))...)
	if err != nil {
		return none, nil, fmt.Errorf("setting policy of bucket %s: %w", suffix, err)
	}
	return component.After(bucket.Bucket, document.ID(), encryption.ID(), versioning.ID()), versioning, nil
}

func encryptionRule(keyARN pulumi.StringInput) *s3.BucketServerSideEncryptionConfigurationV2RuleArgs {
	byDefault := &s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
		SseAlgorithm: pulumi.String("AES256"),
	}
	rule := &s3.BucketServerSideEncryptionConfigurationV2RuleArgs{ApplyServerSideEncryptionByDefault: byDefault}
	if keyARN != nil {
		byDefault.SseAlgorithm = pulumi.String("aws:kms")
		byDefault.KmsMasterKeyId = keyARN.ToStringOutput()
		rule.BucketKeyEnabled = pulumi.Bool(true) // S3 asks KMS once for many objects, not once an object
	}
	return rule
}

// tlsOnly refuses plain HTTP to everyone. There is no condition on the VPC: users upload from the internet.
func tlsOnly(bucket *s3.BucketV2) policy.Statement {
	return policy.Statement{
		Sid:        "TLSOnly",
		Effect:     policy.Deny,
		Principals: []policy.Principal{policy.Everyone()},
		Actions:    []string{"s3:*"}, // a denial, of everything
		Resources:  []pulumi.StringInput{bucket.Arn, pulumi.Sprintf("%s/*", bucket.Arn)},
		Conditions: []policy.Condition{{Test: "Bool", Key: "aws:SecureTransport", Values: policy.Strings("false")}},
	}
}
