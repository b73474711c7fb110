package storage

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
)

// makeKeys makes one key for what the system stores and one for what it logs, so that reading logs needs no access to data.
func (b *builder) makeKeys(s *Storage) error {
	// The data key outlives a stack that keeps its data: the database's final snapshot and backups are nothing without it.
	data, err := b.makeKey("data", "Data of "+b.args.Stack.Project+" "+b.args.Stack.Stack, pulumi.RetainOnDelete(!b.args.Stack.Disposable),
		b.accountStatement())
	if err != nil {
		return err
	}
	logs, err := b.makeKey("logs", "Logs of "+b.args.Stack.Project+" "+b.args.Stack.Stack, pulumi.RetainOnDelete(false),
		b.accountStatement(), b.logsStatement())
	if err != nil {
		return err
	}
	s.DataKeyARN, s.LogsKeyARN = data.Arn, logs.Arn
	return nil
}

func (b *builder) makeKey(suffix, description string, retain pulumi.ResourceOption, statements ...policy.Statement) (*kms.Key, error) {
	window := 30 // days in which a deletion can be taken back
	if b.args.Stack.Disposable {
		window = 7
	}
	key, err := kms.NewKey(b.ctx, b.child(suffix), &kms.KeyArgs{
		Description:          pulumi.String(description),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(window),
		Policy:               policy.JSON(statements...),
		Tags:                 b.tags(suffix),
	}, b.opts(b.protect(), retain)...)
	if err != nil {
		return nil, fmt.Errorf("creating KMS key %s: %w", suffix, err)
	}
	_, err = kms.NewAlias(b.ctx, b.child(suffix), &kms.AliasArgs{TargetKeyId: key.KeyId}, b.opts()...)
	if err != nil {
		return nil, fmt.Errorf("creating alias of KMS key %s: %w", suffix, err)
	}
	return key, nil
}

// accountStatement leaves the use of a key to the IAM policies of the account. Without it nobody could manage the key. No role
// is named: a service-linked role does not exist in a new account, and a key whose policy names it cannot be made.
func (b *builder) accountStatement() policy.Statement {
	return policy.Statement{
		Sid:        "AccountThroughIAM",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.AWS(pulumi.String(b.args.Stack.RootARN()))},
		Actions:    []string{"kms:*"},   // any less and the account locks itself out
		Resources:  policy.Strings("*"), // in a key's policy: this key
	}
}

// logsStatement lets CloudWatch Logs encrypt the log groups of this account and region.
func (b *builder) logsStatement() policy.Statement {
	return policy.Statement{
		Sid:        "CloudWatchLogs",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.Service(b.args.Stack.LogsService())},
		// The families are Encrypt, Decrypt, ReEncryptFrom/To and GenerateDataKey with its variants.
		Actions:   []string{"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
		Resources: policy.Strings("*"), // in a key's policy: this key
		Conditions: []policy.Condition{{
			Test: "ArnLike", Key: "kms:EncryptionContext:aws:logs:arn",
			Values: policy.Strings(b.args.Stack.ARN("logs", "log-group:*")), // the groups of all tiers
		}},
	}
}
