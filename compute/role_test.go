package compute_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

func TestRole(t *testing.T) {
	g := run(t, prod())
	r := g.Only(t, role)
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Service":["ec2.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`, r.String(t, "assumeRolePolicy"))
	for _, exclusive := range []string{"managedPolicyArns", "inlinePolicies"} {
		_, found := r.Get(exclusive)
		require.False(t, found, exclusive)
	}
	require.Equal(t, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
		g.Find(t, attachment, "compute-ssm").String(t, "policyArn"))

	service := statements(t, g.Find(t, iamPolicy, "compute-service"))
	require.Equal(t, []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload",
		"s3:ListMultipartUploadParts", "s3:DeleteObjectVersion"}, service["Objects"].Action)
	require.Equal(t, []string{"arn:aws:s3:::data-bucket/*"}, service["Objects"].Resource)
	require.Equal(t, []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}, service["Bucket"].Action)
	require.Equal(t, []string{"arn:aws:s3:::data-bucket"}, service["Bucket"].Resource)
	require.Equal(t, []string{"secretsmanager:GetSecretValue"}, service["Secrets"].Action)
	require.Equal(t, []string{databaseSecret, g.Outputs(t, componentKey)["AdminTokenSecretARN"].(string)}, service["Secrets"].Resource)
	require.Equal(t, []string{"kms:Decrypt", "kms:GenerateDataKey"}, service["DataKey"].Action)
	require.Equal(t, []string{dataKey}, service["DataKey"].Resource)
	require.Equal(t, map[string]map[string][]string{"StringEquals": {"kms:ViaService": {
		"s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"}}}, service["DataKey"].Condition)
	require.Len(t, service, 4)

	host := statements(t, g.Find(t, iamPolicy, "compute-host"))
	require.Equal(t, []string{repository}, host["PullImage"].Resource)
	require.Equal(t, []string{"ecr:GetAuthorizationToken"}, host["RegistryLogin"].Action)
	require.Equal(t, []string{"logs:CreateLogStream", "logs:PutLogEvents"}, host["Logs"].Action)
	require.Len(t, host["Logs"].Resource, 1)
	require.True(t, strings.HasSuffix(host["Logs"].Resource[0], ":*"))
	require.Equal(t, map[string]map[string][]string{"StringEquals": {"cloudwatch:namespace": {"ScalableBackend"}}}, host["Metrics"].Condition)
	// What AWS lists for the agents of Systems Manager, Inspector and CloudWatch; the managed policy allows none of it.
	require.Equal(t, []string{"s3:GetObject"}, host["AgentFiles"].Action)
	require.Equal(t, []string{
		"arn:aws:s3:::aws-ssm-eu-central-1/*", "arn:aws:s3:::amazon-ssm-eu-central-1/*", "arn:aws:s3:::amazon-ssm-packages-eu-central-1/*",
		"arn:aws:s3:::eu-central-1-birdwatcher-prod/*", "arn:aws:s3:::aws-ssm-distributor-file-eu-central-1/*",
		"arn:aws:s3:::aws-ssm-document-attachments-eu-central-1/*", "arn:aws:s3:::patch-baseline-snapshot-eu-central-1/*",
		"arn:aws:s3:::inspector2-oval-prod-eu-central-1/*", "arn:aws:s3:::amazoncloudwatch-agent-eu-central-1/*",
	}, host["AgentFiles"].Resource)
	require.Len(t, host, 5)
	for sid, s := range host {
		if slices.Contains(s.Resource, "*") {
			require.Contains(t, []string{"RegistryLogin", "Metrics"}, sid)
		}
	}
}

// The instances may read exactly the secrets that the program names, each once.
func TestRoleOfAnotherProgram(t *testing.T) {
	args := prod()
	const payments, mail = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:payments-AbCdEf",
		"arn:aws:secretsmanager:eu-central-1:123456789012:secret:mail-AbCdEf"
	args.Program.Secrets = map[string]string{"A": payments + ":key", "B": mail + ":password", "C": payments + ":user"}
	service := statements(t, run(t, args).Find(t, iamPolicy, "compute-service"))
	require.Len(t, service, 5)
	require.Equal(t, []string{"secretsmanager:GetSecretValue"}, service["ProgramSecrets"].Action)
	require.Equal(t, []string{mail, payments}, service["ProgramSecrets"].Resource)
}

func TestAdminToken(t *testing.T) {
	g := run(t, dev())
	p := g.Only(t, password)
	require.EqualValues(t, 48, p.Number(t, "length"))
	require.False(t, p.Bool(t, "special"))
	require.Equal(t, dataKey, g.Only(t, secret).String(t, "kmsKeyId"))
	require.EqualValues(t, 0, g.Only(t, secret).Number(t, "recoveryWindowInDays"))
	require.True(t, g.Only(t, secretVersion).IsSecret("secretString"))
	require.EqualValues(t, 30, run(t, prod()).Only(t, secret).Number(t, "recoveryWindowInDays"))
}

// statements returns a policy's statements by Sid.
func statements(t *testing.T, r infratest.Resource) map[string]policy.ResolvedStatement {
	t.Helper()
	var document policy.Document
	require.NoError(t, json.Unmarshal([]byte(r.String(t, "policy")), &document))
	require.Equal(t, policy.Version, document.Version)
	out := map[string]policy.ResolvedStatement{}
	for _, s := range document.Statement {
		require.Equal(t, policy.Allow, s.Effect)
		out[s.Sid] = s
	}
	return out
}
