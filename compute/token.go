package compute

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Letters and digits only: the token travels in an Authorization header and through people's shells.
const adminTokenLength = 48

// recoveryDays is how long Secrets Manager keeps a deleted secret of a stack that protects its data.
const recoveryDays = 30

// newAdminToken makes the first administrator's bearer token and returns the secret's ARN, which resolves once the secret
// has its value: the backend reads it when it starts.
func (t *tier) newAdminToken() (pulumi.StringOutput, error) {
	none := pulumi.StringOutput{}
	token, err := random.NewRandomPassword(t.ctx, t.name+"-admin-token", &random.RandomPasswordArgs{
		Length:  pulumi.Int(adminTokenLength),
		Special: pulumi.Bool(false),
	}, t.child)
	if err != nil {
		return none, fmt.Errorf("creating admin token: %w", err)
	}
	recovery := recoveryDays
	if t.args.Stack.Disposable {
		recovery = 0
	}
	secret, err := secretsmanager.NewSecret(t.ctx, t.name+"-admin-token", &secretsmanager.SecretArgs{
		Description:          pulumi.String("Bearer token of the backend's first administrator"),
		KmsKeyId:             t.args.DataKeyARN.ToStringOutput(),
		RecoveryWindowInDays: pulumi.Int(recovery),
		Tags:                 t.tags("admin-token"),
	}, t.child)
	if err != nil {
		return none, fmt.Errorf("creating secret of the admin token: %w", err)
	}
	version, err := secretsmanager.NewSecretVersion(t.ctx, t.name+"-admin-token", &secretsmanager.SecretVersionArgs{
		SecretId:     secret.Arn,
		SecretString: token.Result.ApplyT(adminTokenDocument).(pulumi.StringOutput),
	}, t.child)
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
