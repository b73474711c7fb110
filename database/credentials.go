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

// password makes the master password. RDS refuses `/`, `"`, `@`, `'` and spaces; the characters allowed here also stand for
// themselves in a URL. Every input of a RandomPassword replaces it, so all but the keepers are ignored after creation:
// only a new version rotates.
func (b *builder) password() (*random.RandomPassword, error) {
	password, err := random.NewRandomPassword(b.ctx, b.child("password"), &random.RandomPasswordArgs{
		Length:          pulumi.Int(48),
		Special:         pulumi.Bool(true),
		OverrideSpecial: pulumi.String("-_.~"),
		Keepers:         pulumi.StringMap{"passwordVersion": pulumi.String(strconv.Itoa(b.args.PasswordVersion))},
	}, b.parent, pulumi.IgnoreChanges([]string{
		"length", "special", "overrideSpecial", "lower", "upper", "number", "numeric", "minLower", "minUpper", "minNumeric", "minSpecial",
	}))
	if err != nil {
		return nil, fmt.Errorf("creating password: %w", err)
	}
	return password, nil
}

// credentials stores the document and returns the secret's ARN, which comes from the version: whoever has it can read it.
// The version depends on the instance, so a rotation changes the instance first; clients read the secret again when their
// password is refused.
func (b *builder) credentials(instance *rds.Instance, password *random.RandomPassword) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	window := 30
	if b.args.Stack.Disposable {
		window = 0
	}
	child := b.child("credentials")
	secret, err := secretsmanager.NewSecret(b.ctx, child, &secretsmanager.SecretArgs{
		Description:          pulumi.String("Connection of the backend to its database"),
		KmsKeyId:             b.args.DataKeyARN,
		RecoveryWindowInDays: pulumi.Int(window),
		Tags:                 b.tags(child),
	}, b.parent)
	if err != nil {
		return none, fmt.Errorf("creating secret: %w", err)
	}
	document := pulumi.All(instance.Address, password.Result).ApplyT(func(values []any) (string, error) {
		text, err := json.Marshal(credentials{
			Engine: engine, Host: values[0].(string), Port: port, DBName: dbName, Username: username, Password: values[1].(string),
		})
		return string(text), err
	}).(pulumi.StringOutput)
	version, err := secretsmanager.NewSecretVersion(b.ctx, b.child("credentials-version"), &secretsmanager.SecretVersionArgs{
		SecretId:     secret.ID(),
		SecretString: pulumi.ToSecret(document).(pulumi.StringOutput),
	}, b.parent)
	if err != nil {
		return none, fmt.Errorf("creating secret version: %w", err)
	}
	return version.Arn, nil
}
