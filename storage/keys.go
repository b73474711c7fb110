package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
)

// newKeys creates one key for the system's data and one for its logs, so that reading logs needs no access to data.
func (b *builder) newKeys(s *Storage) error {
	// The data key stays when a stack that keeps its data is destroyed: without it nobody can read the final snapshot and the
	// backups of the database.
	data, err := b.newKey("data", "Data of "+b.Stack.Project+" "+b.Stack.Stack, pulumi.RetainOnDelete(!b.Stack.Disposable),
		b.accountStatement())
	if err != nil {
		return err
	}
	logs, err := b.newKey("logs", "Logs of "+b.Stack.Project+" "+b.Stack.Stack, pulumi.RetainOnDelete(false),
		b.accountStatement(), b.logsStatement())
	if err != nil {
		return err
	}
	s.DataKeyARN, s.LogsKeyARN = data.Arn, logs.Arn
	return nil
}

// newKey creates a key and its alias.
func (b *builder) newKey(suffix, description string, retain pulumi.ResourceOption, statements ...policy.Statement) (*kms.Key, error) {
	key, err := kms.NewKey(b.Ctx, b.Name(suffix), &kms.KeyArgs{
		Description:          pulumi.String(description),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: b.RecoveryDays(7),
		Policy:               policy.JSON(statements...),
		Tags:                 b.Tags(suffix),
	}, b.Options(b.Protect(), retain)...)
	if err != nil {
		return nil, fmt.Errorf("creating KMS key %s: %w", suffix, err)
	}
	_, err = kms.NewAlias(b.Ctx, b.Name(suffix), &kms.AliasArgs{TargetKeyId: key.KeyId}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating alias of KMS key %s: %w", suffix, err)
	}
	return key, nil
}

// accountStatement leaves it to the account's IAM policies who may use a key. Without it nobody could manage the key. It names
// no role: a service-linked role does not exist in a new account, and a key whose policy names it cannot be created.
func (b *builder) accountStatement() policy.Statement {
	return policy.Statement{
		Sid:        "AccountThroughIAM",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.AWS(pulumi.String(b.Stack.RootARN()))},
		Actions:    []string{"kms:*"},   // any less and the account locks itself out
		Resources:  policy.Strings("*"), // in a key's policy: this key
	}
}

// logsStatement lets CloudWatch Logs encrypt the log groups of this account and region.
func (b *builder) logsStatement() policy.Statement {
	return policy.Statement{
		Sid:        "CloudWatchLogs",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.Service(b.Stack.LogsService())},
		// The families are Encrypt, Decrypt, ReEncryptFrom/To and GenerateDataKey with its variants.
		Actions:   []string{"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
		Resources: policy.Strings("*"), // in a key's policy: this key
		Conditions: []policy.Condition{{
			Test: "ArnLike", Key: "kms:EncryptionContext:aws:logs:arn",
			Values: policy.Strings(b.Stack.ARN("logs", "log-group:*")), // the groups of all tiers
		}},
	}
}
