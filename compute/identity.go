package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/container"
	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// identity is the instances' role, with the attachments that have to exist before an instance starts.
type identity struct {
	role        *iam.Role
	profile     *iam.InstanceProfile
	attachments []pulumi.Resource
}

// newIdentity creates the role of the instances, its policies and the instance profile.
func (b *builder) newIdentity(adminToken pulumi.StringOutput, logs *cloudwatch.LogGroup) (*identity, error) {
	// EC2 does not set aws:SourceAccount when it assumes a role, so the trust has no condition.
	instances, err := role.New(b.Builder, "instance", role.Args{Service: "ec2.amazonaws.com", Description: "Instances of the backend"})
	if err != nil {
		return nil, err
	}
	id := &identity{role: instances}
	service, err := role.NewPolicy(b.Builder, "service", "What the backend calls: its files and its two secrets",
		policy.JSON(b.serviceStatements(adminToken)...))
	if err != nil {
		return nil, err
	}
	host, err := role.NewPolicy(b.Builder, "host", "What the host calls: its image, its logs and its metrics",
		policy.JSON(b.hostStatements(logs)...))
	if err != nil {
		return nil, err
	}
	for _, attachment := range []struct {
		suffix string
		arn    pulumi.StringInput
	}{
		{"service", service.Arn},
		{"host", host.Arn},
		// Session Manager is the only way in: there is no key pair and no open port.
		{"ssm", pulumi.String(b.Stack.ManagedPolicyARN("AmazonSSMManagedInstanceCore"))},
	} {
		attached, err := role.NewAttachment(b.Builder, attachment.suffix, instances, attachment.arn)
		if err != nil {
			return nil, err
		}
		id.attachments = append(id.attachments, attached)
	}
	id.profile, err = iam.NewInstanceProfile(b.Ctx, b.Name("instance"), &iam.InstanceProfileArgs{
		Role: instances.Name,
		Tags: b.Tags("instance"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating instance profile: %w", err)
	}
	return id, nil
}

// serviceStatements allow what the backend itself calls.
func (b *builder) serviceStatements(adminToken pulumi.StringOutput) []policy.Statement {
	region, suffix := b.Stack.Region, b.Stack.DNSSuffix()
	statements := []policy.Statement{
		{
			Sid:    "Objects",
			Effect: policy.Allow,
			Actions: []string{
				// Versions alone are deleted: without one, S3 would only hide the object behind a delete marker.
				"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload",
				"s3:ListMultipartUploadParts", "s3:DeleteObjectVersion",
			},
			Resources: []pulumi.StringInput{pulumi.Sprintf("%s/*", b.args.BucketARN)},
		},
		{
			// Without s3:ListBucket an object that does not exist is a 403 in the place of a 404. The other two are for the
			// comparison of the bucket with the catalogue, which removes what belongs to no file.
			Sid:       "Bucket",
			Effect:    policy.Allow,
			Actions:   []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
			Resources: []pulumi.StringInput{b.args.BucketARN},
		},
		{
			Sid:       "Secrets",
			Effect:    policy.Allow,
			Actions:   []string{"secretsmanager:GetSecretValue"},
			Resources: []pulumi.StringInput{b.args.DatabaseSecretARN, adminToken},
		},
		{
			// Only through the two services above: the role cannot use the key by itself.
			Sid:       "DataKey",
			Effect:    policy.Allow,
			Actions:   []string{"kms:Decrypt", "kms:GenerateDataKey"},
			Resources: []pulumi.StringInput{b.args.DataKeyARN},
			Conditions: []policy.Condition{{
				Test: "StringEquals", Key: "kms:ViaService",
				Values: policy.Strings("s3."+region+"."+suffix, "secretsmanager."+region+"."+suffix),
			}},
		},
	}
	if arns := container.SecretARNs(b.args.Program.Secrets); len(arns) > 0 {
		statements = append(statements, policy.Statement{
			Sid:       "ProgramSecrets",
			Effect:    policy.Allow,
			Actions:   []string{"secretsmanager:GetSecretValue"},
			Resources: policy.Strings(arns...),
		})
	}
	return statements
}

// hostStatements allow what docker and the agents of CloudWatch, Systems Manager and Inspector call on the host.
func (b *builder) hostStatements(logs *cloudwatch.LogGroup) []policy.Statement {
	return []policy.Statement{
		{
			Sid:       "PullImage",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resources: []pulumi.StringInput{b.args.RepositoryARN},
		},
		{
			Sid:       "RegistryLogin",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:GetAuthorizationToken"},
			Resources: policy.Strings("*"), // the action has no resource: the token is the account's
		},
		{
			Sid:       "Logs",
			Effect:    policy.Allow,
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []pulumi.StringInput{pulumi.Sprintf("%s:*", logs.Arn)}, // every stream of this one group
		},
		{
			Sid:       "Metrics",
			Effect:    policy.Allow,
			Actions:   []string{"cloudwatch:PutMetricData"},
			Resources: policy.Strings("*"), // the action has no resource: the namespace is the limit
			Conditions: []policy.Condition{{
				Test: "StringEquals", Key: "cloudwatch:namespace", Values: policy.Strings(b.args.MetricsNamespace),
			}},
		},
		{
			// They sign what they fetch, and AWS's own policy for the SSM agent holds nothing about S3.
			Sid:       "AgentFiles",
			Effect:    policy.Allow,
			Actions:   []string{"s3:GetObject"},
			Resources: policy.Strings(b.Stack.AgentBuckets()...), // every object of AWS's own buckets
		},
	}
}
