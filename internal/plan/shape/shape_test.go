package shape

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"
)

var env = NewEnv("project", "test", "eu-central-1")

func inputs(values map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(values)
}

func TestOutputTableIsUpToDate(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "outputs.txt")
	message, err := exec.CommandContext(t.Context(), "go", "run", "./gen", out).CombinedOutput()
	require.NoError(t, err, string(message))
	want, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, string(want), outputsText, "outputs.txt is out of date: run go generate ./internal/plan/shape")
}

func TestRulesNameTypesThatExist(t *testing.T) {
	t.Parallel()
	for typ := range ids {
		require.Contains(t, always(), typ)
	}
	for typ := range arns {
		require.Contains(t, always(), typ)
	}
}

func TestOutputsAreNeverEmpty(t *testing.T) {
	t.Parallel()
	for typ := range always() {
		id, outputs := Outputs(env, typ, "thing", resource.PropertyMap{})
		require.NotEmpty(t, id, typ)
		for key, value := range outputs {
			if s, ok := stringOf(value); ok {
				require.NotEmpty(t, s, "%s.%s", typ, key)
			}
		}
		_, again := Outputs(env, typ, "thing", resource.PropertyMap{})
		require.Equal(t, outputs, again, typ)
	}
}

func TestOutputsHaveTheFormOfAWS(t *testing.T) {
	t.Parallel()
	account := ":eu-central-1:123456789012:"
	cases := []struct {
		typ, output, want string // want is a prefix
		inputs            map[string]any
	}{
		{"aws:lb/loadBalancer:LoadBalancer", "arn", "arn:aws:elasticloadbalancing" + account + "loadbalancer/app/thing/", nil},
		{"aws:lb/loadBalancer:LoadBalancer", "arnSuffix", "net/thing/", map[string]any{"loadBalancerType": "network"}},
		{"aws:lb/targetGroup:TargetGroup", "arnSuffix", "targetgroup/thing/", nil},
		{"aws:lb/listener:Listener", "arn", "arn:x:listener/app/y/", map[string]any{"loadBalancerArn": "arn:x:loadbalancer/app/y"}},
		{"aws:iam/role:Role", "arn", "arn:aws:iam::123456789012:role/thing", nil},
		{"aws:iam/role:Role", "name", "given", map[string]any{"name": "given"}},
		{"aws:rds/parameterGroup:ParameterGroup", "name", "thing", map[string]any{"family": "postgres17"}},
		{"aws:ecs/taskDefinition:TaskDefinition", "arn", "arn:aws:ecs" + account + "task-definition/agent:1", map[string]any{"family": "agent"}},
		{"aws:s3/bucketV2:BucketV2", "arn", "arn:aws:s3:::thing", nil},
		{"aws:s3/bucketV2:BucketV2", "bucketRegionalDomainName", "thing.s3.eu-central-1.amazonaws.com", nil},
		{"aws:rds/instance:Instance", "endpoint", "main.", map[string]any{"identifier": "main"}},
		{"aws:apigateway/stage:Stage", "invokeUrl", "https://abc.execute-api.eu-central-1.amazonaws.com/live",
			map[string]any{"restApi": "abc", "stageName": "live"}},
		{"aws:cloudwatch/logGroup:LogGroup", "arn", "arn:aws:logs" + account + "log-group:/x/y", map[string]any{"name": "/x/y"}},
		{"aws:sns/topic:Topic", "arn", "arn:aws:sns" + account + "thing", nil},
		{"aws:new/thing:Thing", "arn", "arn:aws:new" + account + "thing/thing", nil},
	}
	for _, c := range cases {
		_, outputs := Outputs(env, c.typ, "thing", inputs(c.inputs))
		s, ok := stringOf(outputs[resource.PropertyKey(c.output)])
		require.True(t, ok, "%s.%s", c.typ, c.output)
		require.True(t, strings.HasPrefix(s, c.want), "%s.%s: want %s…, got %s", c.typ, c.output, c.want, s)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]string{
		"aws:ecs/service:Service": "arn:aws:ecs:eu-central-1:123456789012:service/main/thing",
		"aws:ec2/vpc:Vpc":         "vpc-thing", "aws:sns/topic:Topic": "arn:aws:sns:eu-central-1:123456789012:thing",
		"aws:iam/role:Role": "thing", "aws:new/thing:Thing": "thing",
	} {
		id, _ := Outputs(env, typ, "thing", inputs(map[string]any{"cluster": "arn:a/main"}))
		require.Equal(t, want, id)
	}
	id, outputs := Outputs(env, "aws:rds/instance:Instance", "thing", nil)
	require.Regexp(t, "^db-[0-9A-F]{26}$", id, "not the identifier")
	require.Equal(t, "thing", outputs["identifier"].StringValue())
}

func TestRandomIsSecretAndOfTheRightLength(t *testing.T) {
	t.Parallel()
	_, outputs := Outputs(env, "random:index/randomPassword:RandomPassword", "p", inputs(map[string]any{"length": 48}))
	require.True(t, outputs["result"].IsSecret())
	require.Len(t, outputs["result"].SecretValue().Element.StringValue(), 48)
	_, outputs = Outputs(env, "random:index/randomId:RandomId", "i", inputs(map[string]any{"byteLength": 4}))
	require.Len(t, outputs["hex"].StringValue(), 8)
}

func TestRemoteRepositoryHasThePolicyThatECRTakes(t *testing.T) {
	policy := func(given map[string]any) (string, bool) {
		children, outputs := Remote(env, RemoteRepository, "images", inputs(given))
		require.Contains(t, outputs, resource.PropertyKey("url"))
		require.Equal(t, repositoryType, children[0].Type)
		require.NotContains(t, children[0].Inputs, resource.PropertyKey("lifecyclePolicy"))
		if len(children) == 1 {
			return "", false
		}
		require.Equal(t, lifecycleType, children[1].Type)
		return children[1].Inputs["policy"].StringValue(), true
	}
	got, _ := policy(map[string]any{"lifecyclePolicy": map[string]any{"rules": []any{
		map[string]any{"tagStatus": "any", "maximumNumberOfImages": 300},
		map[string]any{"tagPrefixList": []any{"v"}, "maximumAgeLimit": 14, "description": "old releases"},
	}}})
	require.JSONEq(t, `{"rules": [
		{"rulePriority": 1, "description": "old releases", "action": {"type": "expire"}, "selection":
			{"tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "sinceImagePushed", "countNumber": 14, "countUnit": "days"}},
		{"rulePriority": 2, "action": {"type": "expire"}, "selection":
			{"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 300}}
	]}`, got)
	got, _ = policy(nil)
	require.JSONEq(t, `{"rules": [{"rulePriority": 1, "description": "remove untagged images", "action": {"type": "expire"},
		"selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}}]}`, got)
	_, ok := policy(map[string]any{"lifecyclePolicy": map[string]any{"skip": true}})
	require.False(t, ok)
	children, _ := Remote(env, RemoteRepository, "images", resource.PropertyMap{"lifecyclePolicy": resource.MakeComputed(text(""))})
	require.True(t, children[1].Inputs["policy"].IsComputed())
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	china := NewEnv("project", "test", "cn-north-1")
	partition, err := Invoke(china, "aws:index/getPartition:getPartition", nil)
	require.NoError(t, err)
	require.Equal(t, "aws-cn", partition["partition"].StringValue())
	require.Equal(t, "cn.com.amazonaws", partition["reverseDnsPrefix"].StringValue())

	image, err := Invoke(env, "aws:ec2/getAmi:getAmi", inputs(map[string]any{"filters": []any{
		map[string]any{"name": "architecture", "values": []any{"arm64"}},
		map[string]any{"name": "name", "values": []any{"al2023-ami-2023.*"}},
	}}))
	require.NoError(t, err)
	require.Equal(t, "arm64", image["architecture"].StringValue())
	require.True(t, strings.HasPrefix(image["id"].StringValue(), "ami-"))

	_, err = Invoke(env, "aws:none/getNothing:getNothing", nil)
	require.ErrorContains(t, err, "no made-up answer for the provider function aws:none/getNothing:getNothing")
}

func TestValueMarksWhatIsSecretAndUnknown(t *testing.T) {
	t.Parallel()
	secret, unknown := map[string]any{"secret": true}, map[string]any{"unknown": true}
	computed := resource.MakeComputed(resource.NewProperty(""))
	cases := []struct {
		value            resource.PropertyValue
		hidden, revealed any
	}{
		{resource.NewProperty("x"), "x", "x"},
		{resource.NewProperty(2.0), 2.0, 2.0},
		{resource.NewNullProperty(), nil, nil},
		{resource.MakeSecret(resource.NewProperty("x")), secret, "x"},
		{computed, unknown, unknown},
		{resource.MakeSecret(computed), secret, unknown},
		{resource.NewProperty(resource.Output{Element: resource.NewProperty("x"), Known: true, Secret: true}), secret, "x"},
		{resource.NewProperty(resource.Output{}), unknown, unknown},
		{resource.NewProperty([]resource.PropertyValue{computed}), []any{unknown}, []any{unknown}},
	}
	for _, c := range cases {
		require.Equal(t, c.hidden, Value(c.value, HideSecrets))
		require.Equal(t, c.revealed, Value(c.value, RevealSecrets))
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for urn, want := range map[string]string{
		"": "",
		"urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev":          "",
		"urn:pulumi:dev::p::a:b:Tier$aws:ec2/vpc:Vpc::tier-vpc":  "aws:ec2/vpc:Vpc::tier-vpc",
		"urn:pulumi:dev::p::scalable-backend:network:Network::n": "scalable-backend:network:Network::n",
	} {
		require.Equal(t, want, Key(urn))
	}
}
