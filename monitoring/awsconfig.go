package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

const (
	recorderToken = "aws:cfg/recorder:Recorder"
	channelToken  = "aws:cfg/deliveryChannel:DeliveryChannel"
	statusToken   = "aws:cfg/recorderStatus:RecorderStatus"

	configHistoryDays = 365
)

// newConfig records the configuration of every resource in account and region. AWS wants this order: recorder, channel, start.
func (b *builder) newConfig() error {
	reader, err := role.New(b.Builder, "config-role", role.Args{
		Service:     "config.amazonaws.com",
		Description: "Lets AWS Config read the account's configuration",
		Trust:       []policy.Condition{policy.SourceAccount(b.Stack.AccountID)},
	})
	if err != nil {
		return err
	}
	managed := b.Stack.ManagedPolicyARN("service-role/AWS_ConfigRole")
	attachment, err := role.NewAttachment(b.Builder, "config-read", reader, pulumi.String(managed))
	if err != nil {
		return err
	}
	bucket, err := b.newConfigBucket(reader)
	if err != nil {
		return err
	}
	recorder, err := b.newUntyped(recorderToken, "config-recorder", pulumi.Map{
		"roleArn":        reader.Arn,
		"recordingGroup": pulumi.Map{"allSupported": pulumi.Bool(true), "includeGlobalResourceTypes": pulumi.Bool(true)},
	}, pulumi.DependsOn([]pulumi.Resource{attachment}))
	if err != nil {
		return fmt.Errorf("creating recorder: %w", err)
	}
	channel, err := b.newUntyped(channelToken, "config-channel", pulumi.Map{"s3BucketName": bucket},
		pulumi.DependsOn([]pulumi.Resource{recorder}))
	if err != nil {
		return fmt.Errorf("creating delivery channel: %w", err)
	}
	if _, err := b.newUntyped(statusToken, "config-status", pulumi.Map{
		"name": recorder.ID(), "isEnabled": pulumi.Bool(true),
	}, pulumi.DependsOn([]pulumi.Resource{channel})); err != nil {
		return fmt.Errorf("starting recorder: %w", err)
	}
	return nil
}

// newConfigBucket creates the bucket of the recorded history and returns its name, known when its policy is in force.
func (b *builder) newConfigBucket(reader *iam.Role) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	bucket, err := s3.NewBucketV2(b.Ctx, b.Name("config-history"), &s3.BucketV2Args{
		ForceDestroy: pulumi.Bool(b.Stack.Disposable),
		Tags:         b.Tags("config-history"),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating bucket of AWS Config: %w", err)
	}
	blocked, err := s3.NewBucketPublicAccessBlock(b.Ctx, b.Name("config-history"), &s3.BucketPublicAccessBlockArgs{
		Bucket: bucket.ID(), BlockPublicAcls: pulumi.Bool(true), BlockPublicPolicy: pulumi.Bool(true),
		IgnorePublicAcls: pulumi.Bool(true), RestrictPublicBuckets: pulumi.Bool(true),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("blocking public access to bucket of AWS Config: %w", err)
	}
	if _, err := s3.NewBucketOwnershipControls(b.Ctx, b.Name("config-history"), &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.ID(),
		Rule:   s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, b.Options()...); err != nil {
		return none, fmt.Errorf("setting ownership in bucket of AWS Config: %w", err)
	}
	if _, err := s3.NewBucketServerSideEncryptionConfigurationV2(b.Ctx, b.Name("config-history"),
		&s3.BucketServerSideEncryptionConfigurationV2Args{
			Bucket: bucket.ID(),
			Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
				ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
					SseAlgorithm: pulumi.String("AES256"),
				},
			}},
		}, b.Options()...); err != nil {
		return none, fmt.Errorf("encrypting bucket of AWS Config: %w", err)
	}
	versioning, err := s3.NewBucketVersioningV2(b.Ctx, b.Name("config-history"), &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("versioning bucket of AWS Config: %w", err)
	}
	if _, err := s3.NewBucketLifecycleConfigurationV2(b.Ctx, b.Name("config-history"), &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("expire"), Status: pulumi.String("Enabled"),
			Filter:     s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")},
			Expiration: s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(configHistoryDays)},
			// Nobody overwrites the history; a deletion can be taken back for a month.
			NoncurrentVersionExpiration: s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(30),
			},
			AbortIncompleteMultipartUpload: s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(7),
			},
		}},
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{versioning}))...); err != nil { // its rules on old versions need versions
		return none, fmt.Errorf("expiring history of AWS Config: %w", err)
	}
	bucketPolicy, err := s3.NewBucketPolicy(b.Ctx, b.Name("config-history"), &s3.BucketPolicyArgs{
		Bucket: bucket.ID(),
		Policy: policy.JSON(configBucketStatements(bucket.Arn, reader.Arn, b.Stack.AccountID)...),
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{blocked}))...)
	if err != nil {
		return none, fmt.Errorf("creating policy of bucket of AWS Config: %w", err)
	}
	return bucketPolicy.Bucket, nil
}

func configBucketStatements(bucket, role pulumi.StringOutput, account string) []policy.Statement {
	objects := func(prefix string) pulumi.StringOutput {
		return bucket.ApplyT(func(arn string) string { return arn + "/" + prefix }).(pulumi.StringOutput)
	}
	recorder := []policy.Principal{policy.AWS(role)}
	return []policy.Statement{
		{
			Sid: "TLSOnly", Effect: policy.Deny,
			Principals: []policy.Principal{policy.Everyone()},      // a denial is for all
			Actions:    []string{"s3:*"},                           // and for every action
			Resources:  []pulumi.StringInput{bucket, objects("*")}, // on every object
			Conditions: []policy.Condition{{Test: "Bool", Key: "aws:SecureTransport", Values: policy.Strings("false")}},
		},
		{
			Sid: "Check", Effect: policy.Allow, Principals: recorder,
			Actions: []string{"s3:GetBucketAcl", "s3:ListBucket"}, Resources: []pulumi.StringInput{bucket},
		},
		{
			Sid: "Deliver", Effect: policy.Allow, Principals: recorder,
			// It names an access list with each object, the one that such a bucket takes ("Permissions for the IAM role assigned to
			// AWS Config" in its Developer Guide).
			Actions:   []string{"s3:PutObject", "s3:PutObjectAcl"},
			Resources: []pulumi.StringInput{objects("AWSLogs/" + account + "/Config/*")}, // names hold dates
		},
	}
}
