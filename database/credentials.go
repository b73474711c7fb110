package database

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// credentials is the secret's document. The backend's configuration parser reads these keys.
type credentials struct {
	Engine   string `json:"engine"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	DBName   string `json:"dbname"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// newPassword creates the master password. RDS refuses `/`, `"`, `@`, `'` and spaces; the special characters here need no
// escaping in a URL either. A change of any input makes another password, so all but the keepers are ignored after creation:
// only a new PasswordVersion rotates.
func (b *builder) newPassword() (*random.RandomPassword, error) {
	password, err := random.NewRandomPassword(b.Ctx, b.Name("password"), &random.RandomPasswordArgs{
		Length:          pulumi.Int(48),
		Special:         pulumi.Bool(true),
		OverrideSpecial: pulumi.String("-_.~"),
		Keepers:         pulumi.StringMap{"passwordVersion": pulumi.String(strconv.Itoa(b.args.PasswordVersion))},
	}, b.Options(pulumi.IgnoreChanges([]string{
		"length", "special", "overrideSpecial", "lower", "upper", "number", "numeric", "minLower", "minUpper", "minNumeric", "minSpecial",
	}))...)
	if err != nil {
		return nil, fmt.Errorf("creating password: %w", err)
	}
	return password, nil
}

// newCredentials stores the document and returns the secret's ARN, known when the secret has its value. The value depends on
// the instance, so a rotation changes the instance first; clients read the secret again when their password is refused.
func (b *builder) newCredentials(instance *rds.Instance, password *random.RandomPassword) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	const suffix = "credentials"
	secret, err := secretsmanager.NewSecret(b.Ctx, b.Name(suffix), &secretsmanager.SecretArgs{
		Description:          pulumi.String("Connection of the backend to its database"),
		KmsKeyId:             b.args.DataKeyARN,
		RecoveryWindowInDays: b.RecoveryDays(0),
		Tags:                 b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating secret: %w", err)
	}
	document := pulumi.All(instance.Address, password.Result).ApplyT(func(values []any) (string, error) {
		text, err := json.Marshal(credentials{
			Engine: engine, Host: values[0].(string), Port: port, DBName: dbName, Username: username, Password: values[1].(string),
		})
		return string(text), err
	}).(pulumi.StringOutput)
	version, err := secretsmanager.NewSecretVersion(b.Ctx, b.Name("credentials-version"), &secretsmanager.SecretVersionArgs{
		SecretId:     secret.ID(),
		SecretString: pulumi.ToSecret(document).(pulumi.StringOutput),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating secret version: %w", err)
	}
	return version.Arn, nil
}
