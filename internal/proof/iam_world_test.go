package proof

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/authz"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
)

// policyPlaces lists the inputs that may hold a policy. A policy in any other input fails TestEveryPolicyIsRead.
var policyPlaces = map[string]struct {
	property string
	kind     authz.Kind
}{
	"aws:iam/policy:Policy":                     {"policy", authz.Identity},
	"aws:iam/role:Role":                         {"assumeRolePolicy", authz.Trust},
	"aws:kms/key:Key":                           {"policy", authz.Resource},
	"aws:s3/bucketPolicy:BucketPolicy":          {"policy", authz.Resource},
	"aws:sns/topicPolicy:TopicPolicy":           {"policy", authz.Resource},
	"aws:efs/fileSystemPolicy:FileSystemPolicy": {"policy", authz.Resource},
	"aws:ec2/vpcEndpoint:VpcEndpoint":           {"policy", authz.Resource},
}

// world is a planned stack as IAM sees it.
type world struct {
	t               *testing.T
	g               *plan.Graph
	env             shape.Env
	account, region string

	documents []authz.Document            // of the graph, without AWS's own
	identity  map[string][]authz.Document // by the role's ARN
	boundary  map[string]*authz.Document  // by the role's ARN
	resource  map[string]*authz.Document  // by the ARN of what the policy protects
	endpoint  map[string]*authz.Document  // by the endpoint's service, e.g. "ecr.dkr"
}

func worldOf(t *testing.T, g *plan.Graph) *world {
	t.Helper()
	topic := strings.Split(input(t, only(t, g, "aws:sns/topicPolicy:TopicPolicy"), "arn").(string), ":")
	w := &world{
		t: t, g: g, region: topic[3], account: topic[4], env: shape.NewEnv(g.Project, g.Stack, topic[3]),
		identity: map[string][]authz.Document{}, boundary: map[string]*authz.Document{}, resource: map[string]*authz.Document{},
		endpoint: map[string]*authz.Document{},
	}
	w.env.AccountID = w.account
	identities := map[string]authz.Document{}
	for _, r := range g.Resources {
		place, ok := policyPlaces[r.Type]
		text, has := r.Revealed(place.property)
		if !ok || !has {
			continue
		}
		d, err := authz.Parse(place.kind, r.Key(), []byte(text.(string)))
		require.NoError(t, err)
		w.documents = append(w.documents, d)
		switch r.Type {
		case "aws:iam/policy:Policy":
			identities[w.arn(r)] = d
		case "aws:ec2/vpcEndpoint:VpcEndpoint":
			w.endpoint[strings.TrimPrefix(input(t, r, "serviceName").(string), "com.amazonaws."+w.region+".")] = &d
		default:
			w.resource[w.protected(r)] = &d
		}
	}
	w.attach(identities)
	return w
}

// arn returns the ARN that the plan gives to a resource.
func (w *world) arn(r plan.Resource) string {
	_, out := shape.Outputs(w.env, r.Type, r.Name, resource.NewPropertyMapFromMap(r.RevealedInputs))
	return out["arn"].StringValue()
}

// protected returns the ARN of the resource that a resource's policy protects.
func (w *world) protected(r plan.Resource) string {
	switch r.Type {
	case "aws:s3/bucketPolicy:BucketPolicy":
		return "arn:aws:s3:::" + input(w.t, r, "bucket").(string)
	case "aws:sns/topicPolicy:TopicPolicy":
		return input(w.t, r, "arn").(string)
	case "aws:efs/fileSystemPolicy:FileSystemPolicy":
		return w.local("elasticfilesystem", "file-system/"+input(w.t, r, "fileSystemId").(string))
	}
	return w.arn(r)
}

// attach gives every role the policies that are attached to it, including AWS managed ones.
func (w *world) attach(identities map[string]authz.Document) {
	t := w.t
	text, err := os.ReadFile(root + "/internal/proof/testdata/managed_policies.json")
	require.NoError(t, err)
	var managed map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &managed))
	find := func(arn string) authz.Document {
		if d, ok := identities[arn]; ok {
			return d
		}
		name, ok := strings.CutPrefix(arn, "arn:aws:iam::aws:policy/")
		require.True(t, ok && managed[name] != nil, "policy %s is neither planned nor in testdata/managed_policies.json", arn)
		var why string
		if json.Unmarshal(managed[name], &why) == nil {
			return authz.Document{Name: arn} // too large for testdata: it counts as one that allows nothing
		}
		d, err := authz.Parse(authz.Identity, arn, managed[name])
		require.NoError(t, err)
		return d
	}
	for _, r := range w.g.OfType("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
		role := w.local("iam", "role/"+input(t, r, "role").(string))
		w.identity[role] = append(w.identity[role], find(input(t, r, "policyArn").(string)))
	}
	for _, r := range w.g.OfType("aws:iam/role:Role") {
		for _, exclusive := range []string{"inlinePolicies", "managedPolicyArns"} {
			require.NotContains(t, r.Inputs, exclusive, "%s: policies must be attached by rolePolicyAttachment", r.Key())
		}
		if arn, ok := r.Revealed("permissionsBoundary"); ok {
			d := find(arn.(string))
			w.boundary[w.arn(r)] = &d
		}
	}
}

// local returns an ARN in the stack's account.
func (w *world) local(service, rest string) string {
	region := w.region
	if service == "iam" {
		region = ""
	}
	return "arn:aws:" + service + ":" + region + ":" + w.account + ":" + rest
}

// admin returns a policy that allows everything: only a denial or a limit can still refuse a call.
func admin(t *testing.T) authz.Document {
	t.Helper()
	d,
		err := authz.Parse(authz.Identity, "administrator",
		[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
	require.NoError(t, err)
	return d
}

// call is one request to AWS.
type call struct {
	who      authz.Principal
	action   string
	resource string
	context  map[string]string // in addition to aws:SecureTransport, which is true unless set here
	admin    bool              // the role's policies allow everything
	inside   bool              // the call comes from a private subnet, through an endpoint if the service has one
	why      string            // what makes the call
}

// decide evaluates a call under the planned policies that apply to it.
func (w *world) decide(c call) authz.Decision {
	w.t.Helper()
	request := authz.Request{Principal: c.who, Action: c.action, Resource: c.resource,
		Context: map[string][]string{"aws:SecureTransport": {"true"}}}
	for key, value := range c.context {
		request.Context[key] = []string{value}
	}
	name := c.who.String()
	policies := authz.Policies{Identity: w.identity[name], Boundary: w.boundary[name], ResourceAccount: w.account}
	if c.admin {
		policies.Identity = []authz.Document{admin(w.t)}
	}
	protected, _, _ := strings.Cut(c.resource, "/")
	if !strings.HasPrefix(c.resource, "arn:aws:s3:::") {
		protected = c.resource
	}
	policies.Resource = w.resource[protected]
	// A key or a role without a policy allows nothing, so a missing policy must not be treated like that of other resources
	// without a policy.
	policies.ResourceDecides = strings.HasPrefix(c.action, "kms:") || c.action == "sts:AssumeRole"
	if c.inside {
		policies.Endpoint = w.endpoint[endpointOf(c.action)]
	}
	d, err := authz.Evaluate(request, policies)
	require.NoError(w.t, err, c.why)
	return d
}

// endpointOf returns the endpoint through which a call goes, if the stack has it.
func endpointOf(action string) string {
	service, operation, _ := strings.Cut(action, ":")
	switch {
	case service == "ecr" && operation == "GetAuthorizationToken":
		return "ecr.api"
	case service == "ecr":
		return "ecr.dkr"
	case service == "cloudwatch":
		return "monitoring"
	}
	return service
}

// keyOf returns the ARN of the key that a resource is encrypted with.
func (w *world) keyOf(r plan.Resource, path ...any) string {
	w.t.Helper()
	arn := input(w.t, r, path...).(string)
	require.NotNil(w.t, w.resource[arn], "%s is encrypted with %s, a key that is not planned", r.Key(), arn)
	return arn
}

// byARN returns the planned resource of a type with an ARN.
func (w *world) byARN(token, arn string) plan.Resource {
	w.t.Helper()
	found := w.g.OfType(token)
	i := slices.IndexFunc(found, func(r plan.Resource) bool { return w.arn(r) == arn })
	require.GreaterOrEqual(w.t, i, 0, "no %s has the ARN %s", token, arn)
	return found[i]
}
