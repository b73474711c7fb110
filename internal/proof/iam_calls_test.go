package proof

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	apitier "scalable-backend/api"
	"scalable-backend/fargate"
	"scalable-backend/internal/authz"
	"scalable-backend/internal/container"
	"scalable-backend/internal/plan"
	"scalable-backend/services/api"
)

// iamFixture holds the principals and resources of a stack. Each is found through the resource that uses it, so that a wrong role
// or key in the plan makes a call fail here.
type iamFixture struct {
	bucket, logBucket             string // ARNs
	dataKey, topic, topicKey      string
	backend, execution, agent     authz.Principal
	databaseSecret, adminToken    string
	backendLogs, agentLogs        string // group names
	backendImages, agentImages    string // repository ARNs
	metricsNamespace, environment string // of the host's metrics; the user data
	executionARN                  string // of the API's stage
}

func (w *world) fixture() iamFixture {
	t, g := w.t, w.g
	published := func(name string) string { v, _ := g.RevealedOutput(name); return v.(string) }
	p := iamFixture{
		bucket:    "arn:aws:s3:::" + published("bucketName"),
		logBucket: "arn:aws:s3:::" + input(t, only(t, g, "aws:s3/bucketLoggingV2:BucketLoggingV2"), "targetBucket").(string),
		topic:     w.arn(only(t, g, "aws:sns/topic:Topic")),
		topicKey:  w.keyOf(only(t, g, "aws:sns/topic:Topic"), "kmsMasterKeyId"),
		// The secrets come from their own resources, not from the backend's environment.
		databaseSecret: w.secret("database-credentials"), adminToken: w.secret("compute-admin-token"),
		environment: userData(t, g),
	}
	encryption, ok := g.Find("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "storage-data")
	require.True(t, ok)
	p.dataKey = w.keyOf(encryption, "rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")

	profile := w.byARN("aws:iam/instanceProfile:InstanceProfile",
		input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "iamInstanceProfile", "arn").(string))
	p.backend = authz.Role(w.local("iam", "role/"+input(t, profile, "role").(string)))
	task := only(t, g, "aws:ecs/taskDefinition:TaskDefinition")
	p.execution = authz.Role(input(t, task, "executionRoleArn").(string))
	p.agent = authz.Role(input(t, task, "taskRoleArn").(string))

	container := agentContainer(t, g)
	p.agentLogs, p.agentImages = container.LogConfiguration.Options["awslogs-group"], w.repository(container.Image)
	p.backendLogs = between(t, p.environment, "--log-opt awslogs-group=", " ")
	p.backendImages = w.repository(between(t, p.environment, "docker pull --quiet '", "'"))
	p.metricsNamespace = between(t, p.environment, `"namespace": "`, `"`)
	stage := only(t, g, "aws:apigateway/stage:Stage")
	p.executionARN = w.local("execute-api", input(t, stage, "restApi").(string)+"/"+input(t, stage, "stageName").(string))
	return p
}

func (w *world) secret(name string) string {
	r, ok := w.g.Find("aws:secretsmanager/secret:Secret", name)
	require.True(w.t, ok, name)
	return w.arn(r)
}

// repository returns the ARN of the repository in an image's URI.
func (w *world) repository(image string) string {
	_, path, _ := strings.Cut(image, "/")
	path, _, ok := strings.Cut(path, "@")
	require.True(w.t, ok, "%s is not a digest URI", image)
	return w.local("ecr", "repository/"+path)
}

// sdkNeeds lists the permissions that AWS requires for an SDK operation. With SSE-KMS an operation that writes needs a data key,
// one that reads or assembles needs to decrypt.
var sdkNeeds = map[string]struct {
	actions []string
	bucket  string // an action on the bucket
	kms     []string
}{
	"s3.CreateMultipartUpload":   {actions: []string{"s3:PutObject"}, kms: []string{"kms:GenerateDataKey"}},
	"s3.UploadPart":              {actions: []string{"s3:PutObject"}, kms: []string{"kms:GenerateDataKey", "kms:Decrypt"}},
	"s3.ListParts":               {actions: []string{"s3:ListMultipartUploadParts"}, kms: []string{"kms:Decrypt"}},
	"s3.CompleteMultipartUpload": {actions: []string{"s3:PutObject"}, kms: []string{"kms:Decrypt"}},
	"s3.AbortMultipartUpload":    {actions: []string{"s3:AbortMultipartUpload"}},
	"s3.PutObject":               {actions: []string{"s3:PutObject"}, kms: []string{"kms:GenerateDataKey"}},
	// Without s3:ListBucket the answer for a missing object is 403, which the backend does not take for "not found".
	"s3.HeadObject":                 {actions: []string{"s3:GetObject"}, bucket: "s3:ListBucket"},
	"s3.ListObjectVersions":         {bucket: "s3:ListBucketVersions"},
	"s3.ListMultipartUploads":       {bucket: "s3:ListBucketMultipartUploads"},
	"s3.GetObject version":          {actions: []string{"s3:GetObjectVersion"}, kms: []string{"kms:Decrypt"}},
	"s3.DeleteObject version":       {actions: []string{"s3:DeleteObjectVersion"}},
	"secretsmanager.GetSecretValue": {actions: []string{"secretsmanager:GetSecretValue"}, kms: []string{"kms:Decrypt"}},
}

// sdk returns the calls that an SDK operation makes on a resource that is encrypted with a key.
func (w *world) sdk(who authz.Principal, operation, resource, key string) []call {
	n, ok := sdkNeeds[operation]
	require.True(w.t, ok, "no permissions are known for %s", operation)
	service, _, _ := strings.Cut(operation, ".")
	var calls []call
	for _, action := range n.actions {
		calls = append(calls, call{who: who, action: action, resource: resource, inside: true, why: operation})
	}
	if n.bucket != "" {
		bucket, _, _ := strings.Cut(resource, "/")
		calls = append(calls, call{who: who, action: n.bucket, resource: bucket, inside: true, why: operation})
	}
	for _, action := range n.kms {
		calls = append(calls, call{
			who: who, action: action, resource: key, why: operation,
			context: map[string]string{"kms:ViaService": service + "." + w.region + ".amazonaws.com"},
		})
	}
	return calls
}

const (
	file    = "/files/00000000-0000-4000-8000-000000000001"
	stream  = ":log-stream:backend/i-0123456789abcdef0"
	machine = "instance/i-0123456789abcdef0"
)

// backendCalls returns the calls in the backend's code.
func (w *world) backendCalls(p iamFixture) []call {
	var calls []call
	for _, operation := range sdkCalls(w.t, "backend") {
		if strings.HasPrefix(operation, "s3.") {
			calls = append(calls, w.sdk(p.backend, operation, p.bucket+file, p.dataKey)...)
			continue
		}
		for _, name := range []string{"database-credentials", "compute-admin-token"} {
			r, _ := w.g.Find("aws:secretsmanager/secret:Secret", name)
			calls = append(calls, w.sdk(p.backend, operation, w.arn(r), w.keyOf(r, "kmsKeyId"))...)
		}
	}
	// Users on the internet make these calls with presigned URLs, with the backend's permissions.
	for _, c := range calls {
		if c.why == "s3.UploadPart" || c.why == "s3.GetObject version" {
			c.inside, c.why = false, c.why+" by a presigned URL, from outside"
			calls = append(calls, c)
		}
	}
	return calls
}

func pullImage(who authz.Principal, repository string) []call {
	calls := []call{{who: who, action: "ecr:GetAuthorizationToken", resource: "*", inside: true, why: "registry login"}}
	for _, action := range []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"} {
		calls = append(calls, call{who: who, action: action, resource: repository, inside: true, why: "image pull"})
	}
	return calls
}

func (w *world) writeLogs(who authz.Principal, group string) []call {
	arn := w.local("logs", "log-group:"+group+stream)
	return []call{
		{who: who, action: "logs:CreateLogStream", resource: arn, inside: true, why: "log driver"},
		{who: who, action: "logs:PutLogEvents", resource: arn, inside: true, why: "log driver"},
	}
}

// backendSecrets returns the ARNs that the user data's script reads.
func backendSecrets(t *testing.T, userData string) (arns []string) {
	t.Helper()
	if !strings.Contains(userData, "backend-secrets") {
		return nil
	}
	var table map[string][2]string
	require.NoError(t, json.Unmarshal([]byte(between(t, userData, "json.loads('", "')")), &table))
	for _, secret := range table {
		arns = append(arns, secret[0])
	}
	return arns
}

// hostCalls returns the calls of Docker, the CloudWatch agent and the SSM agent on an instance.
func (w *world) hostCalls(p iamFixture) []call {
	calls := append(pullImage(p.backend, p.backendImages), w.writeLogs(p.backend, p.backendLogs)...)
	calls = append(calls, w.writeLogs(p.backend, between(w.t, p.environment, `"log_group_name": "`, `"`))...)
	calls = append(calls, call{
		who: p.backend, action: "cloudwatch:PutMetricData", resource: "*", inside: true, why: "CloudWatch agent",
		context: map[string]string{"cloudwatch:namespace": p.metricsNamespace},
	})
	for _, arn := range backendSecrets(w.t, p.environment) {
		calls = append(calls, call{who: p.backend, action: "secretsmanager:GetSecretValue", resource: arn, inside: true,
			why: "variables of the backend's container"})
	}
	for _, action := range []string{"ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel", "ssmmessages:CreateDataChannel",
		"ssmmessages:OpenDataChannel"} {
		calls = append(calls, call{who: p.backend, action: action, resource: "*", inside: true, why: "Session Manager"})
	}
	for _, action := range []string{"ssm:PutInventory", "ssm:GetParameter"} {
		calls = append(calls, call{who: p.backend, action: action, resource: w.local("ssm", "parameter/inspector-aws/x"), inside: true,
			why: "Inspector's plugin"})
	}
	return append(calls, call{who: p.backend, action: "ssm:UpdateInstanceInformation", resource: w.local("ec2", machine), inside: true,
		why: "SSM agent"})
}

// invoke returns the call of an API operation, with an id for each path parameter.
func (p iamFixture) invoke(who authz.Principal, o apitier.Operation) call {
	path := strings.ReplaceAll(o.ARNPath(), "*", "00000000-0000-4000-8000-000000000001")
	return call{who: who, action: "execute-api:Invoke", resource: p.executionARN + "/" + path, inside: true, why: o.ID}
}

func (w *world) gatewayOperations() []apitier.Operation {
	document, err := apitier.Read(api.Document)
	require.NoError(w.t, err)
	return document.Operations()
}

// agentCalls returns the calls for the agents' tasks: those of ECS when it starts one, and those in the agent's code.
func (w *world) agentCalls(p iamFixture) []call {
	calls := append(pullImage(p.execution, p.agentImages), w.writeLogs(p.execution, p.agentLogs)...)
	for _, variable := range agentContainer(w.t, w.g).Secrets {
		secret, err := container.ParseSecret(strings.TrimSuffix(variable.ValueFrom, "::"))
		require.NoError(w.t, err)
		calls = append(calls, call{who: p.execution, action: "secretsmanager:GetSecretValue", resource: secret.ARN, inside: true,
			why: "variables of the agent's container"})
	}
	byID := map[string]apitier.Operation{}
	for _, o := range w.gatewayOperations() {
		byID[o.ID] = o
	}
	for _, id := range agentOperations(w.t) {
		require.Contains(w.t, byID, id, "the agent calls an operation that the gateway does not have")
		calls = append(calls, p.invoke(p.agent, byID[id]))
	}
	for _, r := range w.g.OfType("aws:efs/fileSystem:FileSystem") {
		point := w.arn(only(w.t, w.g, "aws:efs/accessPoint:AccessPoint"))
		for _, action := range []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"} {
			calls = append(calls, call{who: p.agent, action: action, resource: w.arn(r), why: "volume of the task", context: map[string]string{
				"elasticfilesystem:AccessPointArn": point, "elasticfilesystem:AccessedViaMountTarget": "true",
			}})
		}
	}
	return calls
}

// packageCalls returns the reads from AWS's own buckets, which pass through the S3 endpoint: anonymous ones, and those that the
// agents on an instance sign with its role.
func (w *world) packageCalls(p iamFixture) []call {
	var calls []call
	add := func(who authz.Principal, bucket, why string) {
		w.resource["arn:aws:s3:::"+bucket] = publicBucket(w.t)
		calls = append(calls, call{who: who, action: "s3:GetObject", resource: "arn:aws:s3:::" + bucket + "/x", inside: true, why: why})
	}
	add(authz.Anonymous(), "prod-"+w.region+"-starport-layer-bucket", "layers of images")
	add(authz.Anonymous(), "al2023-repos-"+w.region+"-de612dc2", "dnf")
	add(authz.Anonymous(), "al2023-"+w.region, "dnf's mirror list")
	for bucket, why := range map[string]string{
		"aws-ssm-" + w.region: "documents of the SSM agent", "amazon-ssm-" + w.region: "SSM agent's updates",
		"amazon-ssm-packages-" + w.region: "packages of the SSM agent", w.region + "-birdwatcher-prod": "Distributor: Inspector's plugin",
		"aws-ssm-distributor-file-" + w.region: "Distributor", "aws-ssm-document-attachments-" + w.region: "Inspector's plugin",
		"patch-baseline-snapshot-" + w.region: "patches", "inspector2-oval-prod-" + w.region: "Inspector's definitions",
		"amazoncloudwatch-agent-" + w.region: "CloudWatch agent",
	} {
		add(p.backend, bucket, why)
	}
	return calls
}

// agentContainer returns the only container of the agents' task.
func agentContainer(t require.TestingT, g *plan.Graph) fargate.Container {
	tasks := g.OfType("aws:ecs/taskDefinition:TaskDefinition")
	require.Len(t, tasks, 1)
	text, _ := tasks[0].Revealed("containerDefinitions")
	var containers []fargate.Container
	require.NoError(t, json.Unmarshal([]byte(text.(string)), &containers))
	require.Len(t, containers, 1)
	return containers[0]
}
