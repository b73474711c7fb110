package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// identity is the instances' role with everything that must be attached before one starts.
type identity struct {
	role        *iam.Role
	profile     *iam.InstanceProfile
	attachments []pulumi.Resource
}

func (t *tier) newIdentity(adminToken pulumi.StringOutput, logs *cloudwatch.LogGroup) (*identity, error) {
	// EC2 does not set aws:SourceAccount when it assumes a role, so the trust has no condition.
	instances, err := role.New(t.ctx, t.name+"-instance", role.Args{
		Stack: t.args.Stack, Tier: "compute", Service: "ec2.amazonaws.com", Description: "Instances of the backend",
	}, t.child)
	if err != nil {
		return nil, err
	}
	id := &identity{role: instances}
	service, err := t.newPolicy("service", "What the backend calls: its files and its two secrets", t.serviceStatements(adminToken))
	if err != nil {
		return nil, err
	}
	host, err := t.newPolicy("host", "What the host calls: its image, its logs and its metrics", t.hostStatements(logs))
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
		{"ssm", pulumi.String(t.args.Stack.ManagedPolicyARN("AmazonSSMManagedInstanceCore"))},
	} {
		attached, err := iam.NewRolePolicyAttachment(t.ctx, t.name+"-"+attachment.suffix, &iam.RolePolicyAttachmentArgs{
			Role:      instances.Name,
			PolicyArn: attachment.arn,
		}, t.child)
		if err != nil {
			return nil, fmt.Errorf("attaching policy %s to the instances: %w", attachment.suffix, err)
		}
		id.attachments = append(id.attachments, attached)
	}
	id.profile, err = iam.NewInstanceProfile(t.ctx, t.name+"-instance", &iam.InstanceProfileArgs{
		Role: instances.Name,
		Tags: t.tags("instance"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating instance profile: %w", err)
	}
	return id, nil
}

func (t *tier) newPolicy(suffix, description string, statements []policy.Statement) (*iam.Policy, error) {
	p, err := iam.NewPolicy(t.ctx, t.name+"-"+suffix, &iam.PolicyArgs{
		Description: pulumi.String(description),
		Policy:      policy.JSON(statements...),
		Tags:        t.tags(suffix),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating policy %s of the instances: %w", suffix, err)
	}
	return p, nil
}

// serviceStatements allow what the backend itself calls.
func (t *tier) serviceStatements(adminToken pulumi.StringOutput) []policy.Statement {
	region, suffix := t.args.Stack.Region, t.args.Stack.DNSSuffix()
	return []policy.Statement{
		{
			Sid:    "Objects",
			Effect: policy.Allow,
			Actions: []string{
				// Versions alone are deleted: without one, S3 would only hide the object behind a delete marker.
				"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload",
				"s3:ListMultipartUploadParts", "s3:DeleteObjectVersion",
			},
			Resources: []pulumi.StringInput{pulumi.Sprintf("%s/*", t.args.BucketARN)},
		},
		{
			// Without s3:ListBucket an object that does not exist is a 403 in the place of a 404. The other two are for the
			// comparison of the bucket with the catalogue, which removes what belongs to no file.
			Sid:       "Bucket",
			Effect:    policy.Allow,
			Actions:   []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
			Resources: []pulumi.StringInput{t.args.BucketARN},
		},
		{
			Sid:       "Secrets",
			Effect:    policy.Allow,
			Actions:   []string{"secretsmanager:GetSecretValue"},
			Resources: []pulumi.StringInput{t.args.DatabaseSecretARN, adminToken},
		},
		{
			// Only through the two services above: the role cannot use the key by itself.
			Sid:       "DataKey",
			Effect:    policy.Allow,
			Actions:   []string{"kms:Decrypt", "kms:GenerateDataKey"},
			Resources: []pulumi.StringInput{t.args.DataKeyARN},
			Conditions: []policy.Condition{{
				Test: "StringEquals", Key: "kms:ViaService",
				Values: policy.Strings("s3."+region+"."+suffix, "secretsmanager."+region+"."+suffix),
			}},
		},
	}
}

// hostStatements allow what docker and the CloudWatch agent call on the host.
func (t *tier) hostStatements(logs *cloudwatch.LogGroup) []policy.Statement {
	return []policy.Statement{
		{
			Sid:       "PullImage",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resources: []pulumi.StringInput{t.args.RepositoryARN},
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
				Test: "StringEquals", Key: "cloudwatch:namespace", Values: policy.Strings(t.args.MetricsNamespace),
			}},
		},
	}
}
