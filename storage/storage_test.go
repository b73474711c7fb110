package storage

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

const componentKey = Token + "::storage"

const (
	typeBucket     = "aws:s3/bucketV2:BucketV2"
	typeBlock      = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	typeOwnership  = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
	typeEncryption = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	typeVersioning = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	typePolicy     = "aws:s3/bucketPolicy:BucketPolicy"
	typeLifecycle  = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	typeLogging    = "aws:s3/bucketLoggingV2:BucketLoggingV2"
	typeMetric     = "aws:s3/bucketMetric:BucketMetric"
	typeKey        = "aws:kms/key:Key"
	typeAlias      = "aws:kms/alias:Alias"
)

func deploy(t *testing.T, disposable bool) *infratest.Graph {
	t.Helper()
	stack := infratest.Stack()
	stack.Disposable = disposable
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "storage", &Args{Stack: stack, LogRetentionDays: 14})
		return err
	})
	graph.RequireDescend(t, componentKey)
	return graph
}

// Disposable and permanent stacks have the same resources; only deletion differs.
func TestResources(t *testing.T) {
	for _, disposable := range []bool{true, false} {
		graph := deploy(t, disposable)
		graph.RequireCounts(t, map[string]int{
			typeBucket: 2, typeBlock: 2, typeOwnership: 2, typeEncryption: 2, typeVersioning: 2, typePolicy: 2, typeLifecycle: 2,
			typeLogging: 1, typeMetric: 1, typeKey: 2, typeAlias: 2,
		})
		for token := range graph.Counts() {
			if token == typeLogging || token == typeMetric {
				graph.RequireNames(t, token, "storage-data")
				continue
			}
			graph.RequireNames(t, token, "storage-data", "storage-logs")
		}
		for _, token := range []string{typeBucket, typeKey} {
			for _, r := range graph.OfType(token) {
				tags, _ := r.Get("tags")
				assert.Equal(t, map[string]any{
					"Name": r.Name, "project": infratest.Project, "stack": infratest.StackID,
					"deployment": "scalable-backend-test", "tier": "storage", "managed-by": "pulumi",
				}, tags, r.Key())
			}
		}
	}
}

func TestADisposableStackLeavesNothingBehind(t *testing.T) {
	graph := deploy(t, true)
	for _, r := range graph.Resources {
		assert.False(t, r.Protect, r.Key())
		assert.False(t, r.RetainOnDelete, r.Key())
	}
	for _, bucket := range graph.OfType(typeBucket) {
		assert.True(t, bucket.Bool(t, "forceDestroy"), bucket.Name)
		assert.NotContains(t, bucket.Inputs, "bucket", "bucket names are global, so a fixed name could be used only once")
	}
	for _, key := range graph.OfType(typeKey) {
		assert.Equal(t, 7.0, key.Number(t, "deletionWindowInDays"), key.Name)
	}
}

func TestPermanentStackProtectsDataAndKeys(t *testing.T) {
	graph := deploy(t, false)
	protected := map[string]bool{
		typeBucket + "::storage-data": true, typeKey + "::storage-data": true, typeKey + "::storage-logs": true,
	}
	for _, r := range graph.Resources {
		assert.Equal(t, protected[r.Key()], r.Protect, r.Key())
		assert.Equal(t, r.Key() == typeKey+"::storage-data", r.RetainOnDelete, "%s: snapshots cannot be read without the data key", r.Key())
	}
	for _, bucket := range graph.OfType(typeBucket) {
		assert.False(t, bucket.Bool(t, "forceDestroy"), bucket.Name)
	}
	for _, key := range graph.OfType(typeKey) {
		assert.Equal(t, 30.0, key.Number(t, "deletionWindowInDays"), key.Name)
	}
}

func TestKeys(t *testing.T) {
	graph := deploy(t, false)
	for _, key := range graph.OfType(typeKey) {
		assert.True(t, key.Bool(t, "enableKeyRotation"), key.Name)
	}
	const account = `{"Sid": "AccountThroughIAM", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]},
		"Action": ["kms:*"], "Resource": ["*"]}`
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [`+account+`]}`,
		graph.Find(t, typeKey, "storage-data").String(t, "policy"))
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [`+account+`,
		{"Sid": "CloudWatchLogs", "Effect": "Allow", "Principal": {"Service": ["logs.eu-central-1.amazonaws.com"]},
		 "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "Resource": ["*"],
		 "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": ["arn:aws:logs:eu-central-1:123456789012:log-group:*"]}}}]}`,
		graph.Find(t, typeKey, "storage-logs").String(t, "policy"))
}

func TestEveryBucketIsClosed(t *testing.T) {
	graph := deploy(t, false)
	for _, name := range []string{"storage-data", "storage-logs"} {
		block := graph.Find(t, typeBlock, name)
		for _, property := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			assert.True(t, block.Bool(t, property), "%s %s", name, property)
		}
		assert.Equal(t, "BucketOwnerEnforced", graph.Find(t, typeOwnership, name).String(t, "rule", "objectOwnership"))
		assert.Equal(t, "Enabled", graph.Find(t, typeVersioning, name).String(t, "versioningConfiguration", "status"))
		policy := graph.Find(t, typePolicy, name)
		assert.Subset(t, policy.DependsOn, []string{typeBlock + "::" + name, typeOwnership + "::" + name})
	}
}

func TestDataBucket(t *testing.T) {
	graph := deploy(t, false)
	encryption := graph.Find(t, typeEncryption, "storage-data")
	rules, _ := encryption.Get("rules")
	keyARN := graph.Outputs(t, componentKey)["DataKeyARN"]
	assert.Equal(t, []any{map[string]any{
		"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": keyARN},
		"bucketKeyEnabled":                   true,
	}}, rules)

	// The policy allows nothing and has no condition on the VPC, because users upload from the internet.
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "TLSOnly", "Effect": "Deny", "Principal": "*", "Action": ["s3:*"],
		 "Resource": ["arn:aws:s3:::storage-data", "arn:aws:s3:::storage-data/*"],
		 "Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}]}`,
		graph.Find(t, typePolicy, "storage-data").String(t, "policy"))

	lifecycle := graph.Find(t, typeLifecycle, "storage-data")
	rules, _ = lifecycle.Get("rules")
	assert.Equal(t, []any{map[string]any{
		"id": "files", "status": "Enabled", "filter": map[string]any{"prefix": ""},
		"transitions":                    []any{map[string]any{"days": 0.0, "storageClass": "INTELLIGENT_TIERING"}},
		"noncurrentVersionExpiration":    map[string]any{"noncurrentDays": 30.0},
		"expiration":                     map[string]any{"expiredObjectDeleteMarker": true},
		"abortIncompleteMultipartUpload": map[string]any{"daysAfterInitiation": 7.0},
	}}, rules, "no rule may expire current versions")
	assert.Contains(t, lifecycle.DependsOn, typeVersioning+"::storage-data")

	logging := graph.Only(t, typeLogging)
	assert.Equal(t, "storage-logs", logging.String(t, "targetBucket"))
	assert.Equal(t, "s3/", logging.String(t, "targetPrefix"))
	assert.Contains(t, logging.DependsOn, typePolicy+"::storage-logs", "logs are delivered only if the policy allows it")

	metric := graph.Only(t, typeMetric)
	assert.Equal(t, RequestMetrics, metric.String(t, "name"))
	assert.NotContains(t, metric.Inputs, "filter")
}

func TestLogBucket(t *testing.T) {
	graph := deploy(t, false)
	rules, _ := graph.Find(t, typeEncryption, "storage-logs").Get("rules")
	assert.Equal(t, []any{map[string]any{"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "AES256"}}}, rules,
		"load balancers cannot write to a bucket with a KMS key")
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "TLSOnly", "Effect": "Deny", "Principal": "*", "Action": ["s3:*"],
		 "Resource": ["arn:aws:s3:::storage-logs", "arn:aws:s3:::storage-logs/*"],
		 "Condition": {"Bool": {"aws:SecureTransport": ["false"]}}},
		{"Sid": "S3AccessLogs", "Effect": "Allow", "Principal": {"Service": ["logging.s3.amazonaws.com"]},
		 "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::storage-logs/s3/*"],
		 "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:aws:s3:::storage-data"]},
		               "StringEquals": {"aws:SourceAccount": ["123456789012"]}}},
		{"Sid": "LoadBalancerLogs", "Effect": "Allow", "Principal": {"Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]},
		 "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::storage-logs/`+LoadBalancerLogPrefix+`/AWSLogs/123456789012/*"]}]}`,
		graph.Find(t, typePolicy, "storage-logs").String(t, "policy"))
	rules, _ = graph.Find(t, typeLifecycle, "storage-logs").Get("rules")
	assert.Equal(t, []any{map[string]any{
		"id": "expire", "status": "Enabled", "filter": map[string]any{"prefix": ""},
		"expiration":                     map[string]any{"days": 14.0},
		"noncurrentVersionExpiration":    map[string]any{"noncurrentDays": 1.0},
		"abortIncompleteMultipartUpload": map[string]any{"daysAfterInitiation": 7.0},
	}}, rules)
}

// A resource that uses a bucket's name must wait for the bucket's configuration.
func TestBucketNamesWaitForTheirConfiguration(t *testing.T) {
	const probe = "aws:s3/bucketObjectv2:BucketObjectv2"
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		s, err := New(ctx, "storage", &Args{Stack: infratest.Stack(), LogRetentionDays: 14})
		if err != nil {
			return err
		}
		for suffix, name := range map[string]pulumi.StringOutput{"data": s.BucketName, "logs": s.LogBucketName} {
			var state pulumi.CustomResourceState
			if err := ctx.RegisterResource(probe, "storage-"+suffix, pulumi.Map{"bucket": name}, &state); err != nil {
				return err
			}
		}
		return nil
	})
	for _, name := range []string{"storage-data", "storage-logs"} {
		object := graph.Find(t, probe, name)
		assert.Equal(t, name, object.String(t, "bucket"))
		assert.Subset(t, object.DependsOn, []string{typePolicy + "::" + name, typeEncryption + "::" + name, typeVersioning + "::" + name})
	}
}

func TestValidation(t *testing.T) {
	err := infratest.RunError(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "storage", &Args{Stack: infratest.Stack()})
		return err
	})
	require.ErrorContains(t, err, "storage.Args.LogRetentionDays: want at least 1, got 0")
}
