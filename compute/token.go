package compute

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// adminTokenLength counts letters and digits. There are no others: people use the token in headers and on command lines.
const adminTokenLength = 48

// newAdminToken creates the first administrator's bearer token and returns its secret's ARN, known when the secret has its
// value: the backend reads it when it starts.
func (b *builder) newAdminToken() (pulumi.StringOutput, error) {
	none := pulumi.StringOutput{}
	token, err := random.NewRandomPassword(b.Ctx, b.Name("admin-token"), &random.RandomPasswordArgs{
		Length:  pulumi.Int(adminTokenLength),
		Special: pulumi.Bool(false),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating admin token: %w", err)
	}
	secret, err := secretsmanager.NewSecret(b.Ctx, b.Name("admin-token"), &secretsmanager.SecretArgs{
		Description:          pulumi.String("Bearer token of the backend's first administrator"),
		KmsKeyId:             b.args.DataKeyARN.ToStringOutput(),
		RecoveryWindowInDays: b.RecoveryDays(0),
		Tags:                 b.Tags("admin-token"),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating secret of the admin token: %w", err)
	}
	version, err := secretsmanager.NewSecretVersion(b.Ctx, b.Name("admin-token"), &secretsmanager.SecretVersionArgs{
		SecretId:     secret.Arn,
		SecretString: token.Result.ApplyT(adminTokenDocument).(pulumi.StringOutput),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating value of the admin token's secret: %w", err)
	}
	return version.Arn, nil
}

func adminTokenDocument(token string) (string, error) {
	text, err := json.Marshal(struct {
		Token string `json:"token"`
	}{token})
	if err != nil {
		return "", fmt.Errorf("encoding admin token: %w", err)
	}
	return string(text), nil
}
