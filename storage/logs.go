package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
)

// s3LogPrefix is where S3 writes access logs in the log bucket.
const s3LogPrefix = "s3"

// balancerAccounts are the accounts of Elastic Load Balancing in China, which the documents of that partition name in the place of the
// service (Elastic Load Balancing User Guide, "Enable access logs for your Application Load Balancer"). Elsewhere the service writes.
var balancerAccounts = map[string]string{"cn-north-1": "638102146993", "cn-northwest-1": "037604701340"}

// newLogBucketSettings completes the bucket that receives access logs and returns its name, known when logs can be delivered.
// Load balancers write only to buckets that are encrypted with keys of S3. Accesses to this bucket are not logged: every log
// that is written would be an access to log.
func (b *builder) newLogBucketSettings(bucket *s3.BucketV2, dataARN pulumi.StringOutput) (pulumi.StringOutput, error) {
	account := b.Stack.AccountID
	balancers := []policy.Principal{policy.Service("logdelivery.elasticloadbalancing.amazonaws.com")}
	if owner, ok := balancerAccounts[b.Stack.Region]; ok {
		balancers = append(balancers, policy.AWS(pulumi.String("arn:"+b.Stack.Partition+":iam::"+owner+":root")))
	}
	name, versioning, err := b.newBucketSettings("logs", bucket, bucketSettings{Statements: []policy.Statement{
		{
			Sid:        "S3AccessLogs",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.Service("logging.s3.amazonaws.com")},
			Actions:    []string{"s3:PutObject"},
			Resources:  []pulumi.StringInput{pulumi.Sprintf("%s/%s/*", bucket.Arn, s3LogPrefix)},
			Conditions: []policy.Condition{
				{Test: "ArnEquals", Key: "aws:SourceArn", Values: []pulumi.StringInput{dataARN}},
				policy.SourceAccount(account),
			},
		},
		{
			// No condition: the service writes a load balancer's logs under its owner's account number, and nowhere else.
			Sid:        "LoadBalancerLogs",
			Effect:     policy.Allow,
			Principals: balancers,
			Actions:    []string{"s3:PutObject"},
			Resources:  []pulumi.StringInput{pulumi.Sprintf("%s/%s/AWSLogs/%s/*", bucket.Arn, LoadBalancerLogPrefix, account)},
		},
	}})
	if err != nil {
		return name, err
	}
	_, err = s3.NewBucketLifecycleConfigurationV2(b.Ctx, b.Name("logs"), &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{
			&s3.BucketLifecycleConfigurationV2RuleArgs{
				Id:         pulumi.String("expire"),
				Status:     pulumi.String("Enabled"),
				Filter:     everyObject(),
				Expiration: &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(b.args.LogRetentionDays)},
				// A log is never overwritten, so an old version is one that has expired.
				NoncurrentVersionExpiration: &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
					NoncurrentDays: pulumi.Int(1),
				},
				AbortIncompleteMultipartUpload: abortUploads(),
			},
		},
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{versioning}))...)
	if err != nil {
		return name, fmt.Errorf("setting lifecycle of bucket logs: %w", err)
	}
	return name, nil
}
