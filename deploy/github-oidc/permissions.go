package main

import (
	"slices"

	"scalable-backend/internal/policy"
)

// account is where the roles are, and whose state they read.
type account struct {
	settings
	partition, id string
}

// arn returns the ARN of something in the account, in any region.
func (a account) arn(service, rest string) string {
	return "arn:" + a.partition + ":" + service + ":*:" + a.id + ":" + rest
}

// named returns the ARNs of what a stack of ours has of a kind: kind is all that comes before the name.
func named(kind string) []string {
	all := make([]string, 0, len(tiers))
	for _, tier := range tiers {
		all = append(all, kind+tier+"-*")
	}
	return all
}

func (a account) iam(kind string) string {
	return "arn:" + a.partition + ":iam::" + a.id + ":" + kind + "/"
}
func (a account) buckets() []string { return named("arn:" + a.partition + ":s3:::") }
func (a account) secrets() []string { return named(a.arn("secretsmanager", "secret:")) }
func (a account) state(keys ...string) []string {
	all := make([]string, 0, len(keys))
	for _, key := range keys {
		all = append(all, "arn:"+a.partition+":s3:::"+a.stateBucket+key)
	}
	return all
}

func allow(sid string, actions, resources []string, conditions ...policy.Condition) policy.Statement {
	return policy.Statement{Sid: sid, Effect: policy.Allow, Actions: actions, Resources: policy.Strings(resources...), Conditions: conditions}
}

func deny(sid string, actions, resources []string, conditions ...policy.Condition) policy.Statement {
	s := allow(sid, actions, resources, conditions...)
	s.Effect = policy.Deny
	return s
}

func when(test, key string, values ...string) policy.Condition {
	return policy.Condition{Test: test, Key: key, Values: policy.Strings(values...)}
}

// everything is the resource of calls that have none, or whose resources AWS names.
var everything = []string{"*"}

// readState lets a role read the state of the project's stacks, and use the key of its secrets. A preview takes no lock.
func (a account) readState() []policy.Statement {
	return []policy.Statement{
		allow("ListState", []string{"s3:ListBucket", "s3:GetBucketLocation"}, a.state("")),
		allow("ReadState", []string{"s3:GetObject"}, a.state("/.pulumi/meta.yaml", "/.pulumi/stacks/"+a.project+"/*",
			"/.pulumi/history/"+a.project+"/*")),
		allow("ReadSecretsOfState", []string{"kms:Decrypt"}, []string{a.stateKeyARN}),
	}
}

// keepState denies what nobody who only reads may do, whatever else is attached to the role.
func (a account) keepState() policy.Statement {
	return deny("ChangeNoState", []string{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}, a.state("/*"))
}

// preview is for the code of any branch: what the program looks up, and the state.
func (a account) preview() []policy.Statement {
	return append(a.readState(), allow("LookUp", lookups, everything), a.keepState(),
		deny("NoSecrets", []string{"secretsmanager:*SecretValue", "ssm:GetParameter*"}, everything))
}

// drift is for main alone: it reads every resource, and of the stacks' own secrets the values, as a refresh of a secret's version does.
func (a account) drift() []policy.Statement {
	var reads []string
	for _, s := range services {
		for _, action := range s.reads {
			reads = append(reads, s.prefix+":"+action)
		}
	}
	statements := append(a.readState(), allow("LookUp", lookups, everything), allow("Read", reads, everything),
		allow("ReadKeys", []string{"kms:DescribeKey", "kms:GetKey*", "kms:ListAliases", "kms:ListResourceTags"}, everything),
		allow("ReadRoles", namedReads["iam"], slices.Concat(named(a.iam("role")), named(a.iam("policy")), named(a.iam("instance-profile")))),
		allow("ReadBuckets", namedReads["s3"], a.buckets()),
		allow("ReadSecrets", append([]string{"secretsmanager:GetSecretValue"}, namedReads["secretsmanager"]...), a.secrets()))
	return append(statements, a.keepState())
}

// writeState lets the deployment of one stack write that stack's state, and no other's.
func (a account) writeState(stack string) []policy.Statement {
	own := a.project + "/" + stack
	return append(a.readState(),
		allow("WriteState", []string{"s3:PutObject", "s3:DeleteObject"}, a.state("/.pulumi/stacks/"+own+".json*", "/.pulumi/history/"+own+"/*",
			"/.pulumi/backups/"+own+"/*", "/.pulumi/locks/organization/"+own+"/*")),
		allow("ReadLocks", []string{"s3:GetObject"}, a.state("/.pulumi/backups/"+own+"/*", "/.pulumi/locks/organization/"+own+"/*")),
		// A bucket that encrypts with the same key.
		allow("EncryptState", []string{"kms:GenerateDataKey"}, []string{a.stateKeyARN}))
}

// deployServices lets a deployment change what a stack has of each service, in the stacks' regions, and call what it has deployed.
func (a account) deployServices(stack string) []policy.Statement {
	var regional, global []string
	for _, s := range services {
		if s.global {
			global = append(global, s.prefix+":*")
		} else {
			regional = append(regional, s.prefix+":*")
		}
	}
	deployment := a.project + "-" + stack
	return []policy.Statement{
		allow("Regional", append(regional, "execute-api:Invoke"), everything, when("StringEquals", "aws:RequestedRegion", a.regions...)),
		allow("Global", global, everything),
		allow("Buckets", []string{"s3:*"}, a.buckets()),
		allow("Objects", []string{"s3:DeleteObject*"}, named("arn:"+a.partition+":s3:::")),
		allow("Secrets", []string{"secretsmanager:*"}, a.secrets()),
		allow("MakeKeys", []string{"kms:CreateKey", "kms:ListAliases"}, everything),
		allow("TagKeys", []string{"kms:TagResource"}, everything, when("StringEquals", "aws:RequestTag/deployment", deployment)),
		allow("OwnKeys", []string{"kms:*"}, everything, when("StringEquals", "aws:ResourceTag/deployment", deployment)),
		allow("Aliases", []string{"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"}, named(a.arn("kms", "alias/"))),
	}
}

// deployRoles lets a deployment make the stack's roles: of the stack's names, never without the boundary, for the services that have one.
func (a account) deployRoles(stack, boundary string) []policy.Statement {
	roles, own := named(a.iam("role")), when("StringEquals", "aws:ResourceTag/deployment", a.project+"-"+stack)
	return []policy.Statement{
		allow("BoundedRoles", []string{
			"iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
			"iam:PutRolePolicy",
		}, roles, when("StringEquals", "iam:PermissionsBoundary", boundary)),
		allow("OwnRoles", []string{
			"iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole*",
		}, roles, own),
		allow("TagRoles", []string{"iam:TagRole"}, roles, when("StringEquals", "aws:RequestTag/deployment", a.project+"-"+stack)),
		allow("Policies", []string{"iam:*Policy", "iam:*PolicyVersion"}, named(a.iam("policy"))),
		allow("Profiles", []string{
			"iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile",
			"iam:TagInstanceProfile", "iam:UntagInstanceProfile",
		}, named(a.iam("instance-profile"))),
		allow("HandOver", []string{"iam:PassRole"}, roles, when("StringEquals", "iam:PassedToService", trusted...)),
		allow("ReadRoles", namedReads["iam"], slices.Concat(roles, named(a.iam("policy")), named(a.iam("instance-profile")))),
		// AWS's own roles, one a service: AWS says what they may do.
		allow("ServicesRoles", []string{"iam:CreateServiceLinkedRole", "iam:GetRole"}, []string{a.iam("role") + "aws-service-role/*"}),
	}
}

// deployLimits denies what the services' actions would let in besides: other stacks, and ways to somebody else's role or data.
func (a account) deployLimits(stack string) []policy.Statement {
	deployment := a.project + "-" + stack
	other := []policy.Condition{
		when("StringNotEquals", "aws:ResourceTag/deployment", deployment), when("Null", "aws:ResourceTag/deployment", "false"),
	}
	// Promotion reads another stack's images.
	actions := []string{
		"kms:*", "secretsmanager:*", "ecr:*Delete*", "ecr:Put*", "ecr:Set*", "ecr:Start*", "ecr:TagResource",
		"ecr:UntagResource", "ecr:*LayerUpload", "ecr:UploadLayerPart",
	}
	for _, s := range services {
		if s.prefix != "ecr" {
			actions = append(actions, s.prefix+":*")
		}
	}
	instances := []string{a.arn("ec2", "instance/*")}
	return []policy.Statement{
		deny("OtherDeployments", actions, everything, other...),
		// With another instance's start script, profile or password comes what it may do.
		deny("OtherInstances", []string{
			"ec2:AssociateIamInstanceProfile", "ec2:Get*", "ec2:ModifyInstance*", "ec2:RebootInstances",
			"ec2:ReplaceIamInstanceProfileAssociation", "ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances",
		}, instances, when("StringNotEquals", "aws:ResourceTag/deployment", deployment)),
		deny("TakeNoInstance", []string{"ec2:CreateTags", "ec2:DeleteTags"}, instances,
			when("Null", "ec2:CreateAction", "true"), when("StringNotEquals", "aws:ResourceTag/deployment", deployment)),
		deny("NoCommands", []string{"ecs:ExecuteCommand"}, everything),
		deny("NoUsersData", []string{"s3:GetObject", "s3:GetObjectVersion"}, named("arn:"+a.partition+":s3:::")),
		deny("KeepTheStatesKey", []string{
			"kms:CreateGrant", "kms:Disable*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
		}, []string{a.stateKeyARN}),
		deny("KeepBoundaries", []string{"iam:DeleteRolePermissionsBoundary"}, everything),
	}
}

// boundary is the most that a role of a stack can be given: what programs on an instance or in a task call, and nothing that makes roles or
// takes others.
func boundary() []policy.Statement {
	return []policy.Statement{allow("Programs", []string{
		"cloudwatch:*", "config:*", "ec2:Describe*", "ec2messages:*", "ecr:*", "ecs:*", "elasticfilesystem:Client*", "execute-api:Invoke",
		"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "logs:*", "s3:*",
		"secretsmanager:GetSecretValue", "sns:Publish", "sqs:*", "ssm:*", "ssmmessages:*", "xray:*",
	}, everything)}
}
