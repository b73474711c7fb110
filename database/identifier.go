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

// newIdentifier creates the instance's name in AWS: a prefix and random digits, which change exactly when the instance has to be
// replaced. So the new instance can be created before the old one is deleted, and no two final snapshots have one name. The
// name is known before the instance exists, because the instance's log groups need it.
func (b *builder) newIdentifier() (pulumi.StringOutput, error) {
	suffix, err := random.NewRandomId(b.Ctx, b.Name("suffix"), &random.RandomIdArgs{
		ByteLength: pulumi.Int(4),
		Keepers: pulumi.StringMap{
			"engine":   pulumi.String(engine),
			"dbName":   pulumi.String(dbName),
			"username": pulumi.String(username),
			"kmsKeyId": b.args.DataKeyARN,
		},
	}, b.Options()...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("creating identifier suffix: %w", err)
	}
	prefix := identifierPrefix(b.Stack.Project, b.Stack.Stack)
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
