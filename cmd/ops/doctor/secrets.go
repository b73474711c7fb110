package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// checkSecrets asks whether the secrets of compute.secrets and fargate.secrets exist, and are encrypted with a key that the roles may use.
// Values are not read.
func checkSecrets(ctx context.Context, s *subject) ([]Finding, error) {
	asked := map[string][]string{} // ARN to the keys that name it
	var arns []string
	for _, tier := range []string{"compute", "fargate"} {
		for _, name := range s.stack.Keys(tier, "secrets") {
			value := s.stack.Config(tier, "secrets", name)
			arn := value
			if i := strings.LastIndex(value, ":"); strings.Count(value, ":") == 7 {
				arn = value[:i] // the JSON key
			}
			if asked[arn] == nil {
				arns = append(arns, arn)
			}
			asked[arn] = append(asked[arn], tier+".secrets."+name)
		}
	}
	slices.Sort(arns)
	var out []Finding
	client := secretsmanager.NewFromConfig(*s.aws)
	for _, arn := range arns {
		who := strings.Join(asked[arn], ", ")
		found, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(arn)})
		switch {
		case code(err) == "ResourceNotFoundException":
			out = append(out, fail("aws secretsmanager create-secret, then set its ARN", "%s: there is no secret %s", who, arn))
		case err != nil:
			return out, err
		case found.DeletedDate != nil:
			out = append(out, fail("aws secretsmanager restore-secret --secret-id "+arn, "%s: %s is deleted, since %s",
				who, arn, found.DeletedDate.UTC().Format(time.DateOnly)))
		case aws.ToString(found.ARN) != arn:
			out = append(out, fail("set the whole ARN, with the six characters at its end", "%s: %s is %s", who, arn, aws.ToString(found.ARN)))
		case !s.readable(aws.ToString(found.KmsKeyId), who):
			out = append(out, fail("encrypt it with aws/secretsmanager: aws secretsmanager update-secret --secret-id "+arn+" --kms-key-id "+
				"alias/aws/secretsmanager",
				"%s: %s is encrypted with %s, which the stack's roles may not use", who, arn, aws.ToString(found.KmsKeyId)))
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if len(arns) == 0 {
		return []Finding{ok("none is named in the configuration")}, nil
	}
	return []Finding{ok("%d exist", len(arns))}, nil
}

// readable tells whether the roles may use the key: AWS's own for Secrets Manager, or, for the backend, the stack's data key.
func (s *subject) readable(key, who string) bool {
	if key == "" || strings.HasSuffix(key, "alias/aws/secretsmanager") {
		return true
	}
	own := s.state.output("dataKeyArn")
	return own != "" && key == own && !strings.Contains(who, "fargate.")
}
