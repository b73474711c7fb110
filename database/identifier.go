package database

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/naming"
)

// maxPrefix leaves room for a dash and eight hex digits, and for a replica's number, in the 63 characters of an instance
// identifier.
const maxPrefix = 63 - len("-01234567") - len("-replica-1")

// identifier is the instance's name in AWS: a prefix and random digits that change exactly when the instance must be
// replaced. So the replacement can be created before the old instance is deleted, and a final snapshot never meets an
// older one of the same name. The name is known before the instance, because its log groups must be.
func (b *builder) identifier() (pulumi.StringOutput, error) {
	suffix, err := random.NewRandomId(b.ctx, b.child("suffix"), &random.RandomIdArgs{
		ByteLength: pulumi.Int(4),
		Keepers: pulumi.StringMap{
			"engine":   pulumi.String(engine),
			"dbName":   pulumi.String(dbName),
			"username": pulumi.String(username),
			"kmsKeyId": b.args.DataKeyARN,
		},
	}, b.parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("creating identifier suffix: %w", err)
	}
	prefix := identifierPrefix(b.args.Stack.Project, b.args.Stack.Stack)
	return suffix.Hex.ApplyT(func(hex string) string { return prefix + "-" + hex }).(pulumi.StringOutput), nil
}

// identifierPrefix makes "project-stack" fit the rules of an instance identifier: lower-case letters, digits and single
// dashes, beginning with a letter.
func identifierPrefix(project, stack string) string {
	words := strings.FieldsFunc(strings.ToLower(project+"-"+stack), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	prefix := strings.Join(words, "-")
	if prefix == "" || prefix[0] < 'a' {
		prefix = "db-" + prefix
	}
	return naming.Cap(strings.TrimSuffix(prefix, "-"), maxPrefix)
}
