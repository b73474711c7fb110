package graph

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// graphOf returns a graph of one custom resource.
func graphOf(r Resource) *Graph {
	r.Name, r.Custom = "it", true
	return &Graph{Project: "program", Stack: "dev", Resources: []Resource{r}}
}

// outline returns a diff of one resource as text: the action and the properties, with ! if one replaces and = if it is ignored.
func outline(d *Diff) string {
	var lines []string
	for _, c := range d.Resources {
		line := string(c.Action)
		for _, p := range c.Properties {
			line += " " + p.Path
			if p.Replaces {
				line += "!"
			}
			if p.Ignored {
				line += "="
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

type object = map[string]any

func TestDiffOfOneResource(t *testing.T) {
	t.Parallel()
	const subnet, balancer, group = "aws:ec2/subnet:Subnet", "aws:lb/loadBalancer:LoadBalancer", "aws:autoscaling/group:Group"
	const vpc, service, ingress = "aws:ec2/vpc:Vpc", "aws:ecs/service:Service", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	cases := map[string]struct {
		before, after Resource
		want          string
	}{
		"nothing": {Resource{Type: subnet, Inputs: object{"a": 1.0}}, Resource{Type: subnet, Inputs: object{"a": 1.0}}, ""},
		"a plain input is updated": {
			Resource{Type: subnet, Inputs: object{"tags": object{"a": "1", "b": "2"}}},
			Resource{Type: subnet, Inputs: object{"tags": object{"a": "1", "c": "2"}}}, "update tags.b tags.c",
		},
		"an input in the table replaces": {
			Resource{Type: subnet, Inputs: object{"cidrBlock": "10.0.0.0/24"}},
			Resource{Type: subnet, Inputs: object{"cidrBlock": "10.0.1.0/24"}}, "replace cidrBlock!",
		},
		"a part of an input in the table replaces": {
			Resource{Type: "random:index/randomId:RandomId", Inputs: object{"keepers": object{"engine": "a"}}},
			Resource{Type: "random:index/randomId:RandomId", Inputs: object{"keepers": object{"engine": "b"}}}, "replace keepers.engine!",
		},
		"only one part of an input replaces": {
			Resource{Type: "aws:ec2/instance:Instance", Inputs: object{"rootBlockDevice": object{"encrypted": false, "volumeSize": 8.0}}},
			Resource{Type: "aws:ec2/instance:Instance", Inputs: object{"rootBlockDevice": object{"encrypted": true, "volumeSize": 9.0}}},
			"replace rootBlockDevice.encrypted! rootBlockDevice.volumeSize",
		},
		"a new input with a part that replaces": {
			Resource{Type: "aws:ec2/instance:Instance", Inputs: object{}},
			Resource{Type: "aws:ec2/instance:Instance", Inputs: object{"rootBlockDevice": object{"encrypted": true}}},
			"replace rootBlockDevice!",
		},
		"an ignored input changes nothing": {
			Resource{Type: subnet, Inputs: object{"cidrBlock": "a"}},
			Resource{Type: subnet, Inputs: object{"cidrBlock": "b"}, IgnoreChanges: []string{"cidrBlock"}}, "keep cidrBlock=",
		},
		"ignoring a part does not ignore the whole": {
			Resource{Type: group, Inputs: object{"launchTemplate": object{"id": "a", "version": "1"}}},
			Resource{Type: group, Inputs: object{}, IgnoreChanges: []string{"launchTemplate.version"}}, "update launchTemplate",
		},
		"an ignored part and another one": {
			Resource{Type: group, Inputs: object{"tags": []any{object{"key": "a", "value": "1"}}}},
			Resource{Type: group, Inputs: object{"tags": []any{object{"key": "b", "value": "2"}}}, IgnoreChanges: []string{"tags[*].value"}},
			"update tags[0].key tags[0].value=",
		},
		"replaceOnChanges": {
			Resource{Type: group, Inputs: object{"minSize": 1.0}},
			Resource{Type: group, Inputs: object{"minSize": 2.0}, ReplaceOnChanges: []string{"minSize"}}, "replace minSize!",
		},
		"one more subnet of a network load balancer": {
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"a"}}},
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"a", "b"}}}, "update subnets",
		},
		"one subnet less of a network load balancer": {
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"a", "b"}}},
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"b"}}}, "replace subnets!",
		},
		"one subnet less of an application load balancer": {
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "application", "subnets": []any{"a", "b"}}},
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "application", "subnets": []any{"b"}}}, "update subnets",
		},
		"another subnet of a network load balancer": {
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"a"}}},
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "subnets": []any{"b"}}}, "replace subnets!",
		},
		"a VPC changes to shared hardware": {
			Resource{Type: vpc, Inputs: object{"instanceTenancy": "dedicated"}},
			Resource{Type: vpc, Inputs: object{"instanceTenancy": "default"}}, "update instanceTenancy",
		},
		"a VPC changes to dedicated hardware": {
			Resource{Type: vpc, Inputs: object{"instanceTenancy": "default"}},
			Resource{Type: vpc, Inputs: object{"instanceTenancy": "dedicated"}}, "replace instanceTenancy!",
		},
		"another strategy of a service, deployed": {
			Resource{Type: service, Inputs: object{"capacityProviderStrategies": []any{"a"}, "forceNewDeployment": true}},
			Resource{Type: service, Inputs: object{"capacityProviderStrategies": []any{"b"}, "forceNewDeployment": true}},
			"update capacityProviderStrategies",
		},
		"another strategy of a service, not deployed": {
			Resource{Type: service, Inputs: object{"capacityProviderStrategies": []any{"a"}}},
			Resource{Type: service, Inputs: object{"capacityProviderStrategies": []any{"b"}}}, "replace capacityProviderStrategies!",
		},
		"the first strategy of a service, deployed": {
			Resource{Type: service, Inputs: object{"forceNewDeployment": true}},
			Resource{Type: service, Inputs: object{"capacityProviderStrategies": []any{"b"}, "forceNewDeployment": true}},
			"replace capacityProviderStrategies!",
		},
		"another range of a security-group rule": {
			Resource{Type: ingress, Inputs: object{"cidrIpv4": "10.0.0.0/16"}},
			Resource{Type: ingress, Inputs: object{"cidrIpv4": "10.1.0.0/16"}}, "update cidrIpv4",
		},
		"a group for the range of a security-group rule": {
			Resource{Type: ingress, Inputs: object{"cidrIpv4": "10.0.0.0/16"}},
			Resource{Type: ingress, Inputs: object{"referencedSecurityGroupId": "sg-1"}}, "replace cidrIpv4! referencedSecurityGroupId!",
		},
		"a first group of a network load balancer": {
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network"}},
			Resource{Type: balancer, Inputs: object{"loadBalancerType": "network", "securityGroups": []any{"a"}}}, "replace securityGroups!",
		},
		"one statement of a policy": {
			Resource{Type: "aws:iam/policy:Policy", Inputs: object{"policy": `{"Statement":[{"Sid":"A"},{"Sid":"B","Action":"x"}]}`}},
			Resource{Type: "aws:iam/policy:Policy", Inputs: object{"policy": `{"Statement":[{"Sid":"A"},{"Sid":"B","Action":"y"}]}`}},
			"update policy.Statement[1].Action",
		},
		"the same policy in another format": {
			Resource{Type: "aws:iam/policy:Policy", Inputs: object{"policy": `{"a":1,"b":2}`}},
			Resource{Type: "aws:iam/policy:Policy", Inputs: object{"policy": `{"b":2, "a":1}`}}, "",
		},
		"one item more at the start of a list": {
			Resource{Type: group, Inputs: object{"tags": []any{object{"key": "b"}, object{"key": "c"}}}},
			Resource{Type: group, Inputs: object{"tags": []any{object{"key": "a"}, object{"key": "b"}, object{"key": "c"}}}}, "update tags[0]",
		},
		"an unknown value": {
			Resource{Type: subnet, Inputs: object{"vpcId": "vpc-1"}},
			Resource{Type: subnet, Inputs: object{"vpcId": object{"unknown": true}}}, "replace vpcId!",
		},
		"an option": {Resource{Type: subnet}, Resource{Type: subnet, Protect: true}, "keep protect"},
		"a parent of the same type": {
			Resource{Type: subnet, Parent: "a:b:C::one"}, Resource{Type: subnet, Parent: "a:b:C::two"}, "keep parent",
		},
		"a parent of another type": {
			Resource{Type: subnet, Parent: "a:b:C::one"}, Resource{Type: subnet, Parent: "a:b:D::one"}, "replace ancestry! parent",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.before.IgnoreChanges, c.before.ReplaceOnChanges = c.after.IgnoreChanges, c.after.ReplaceOnChanges
			require.Equal(t, c.want, outline(NewDiff(graphOf(c.before), graphOf(c.after))))
		})
	}
}

func TestDiffOfCreatedAndDeletedResources(t *testing.T) {
	t.Parallel()
	none := &Graph{}
	some := graphOf(Resource{Type: "aws:kms/key:Key", Protect: true, RetainOnDelete: true})
	d := NewDiff(none, some)
	require.Equal(t, []Change{{Type: "aws:kms/key:Key", Name: "it", Action: Create}}, d.Resources)
	require.False(t, d.Resources[0].Refused())
	d = NewDiff(some, none)
	require.Equal(t, []Change{{Type: "aws:kms/key:Key", Name: "it", Action: Delete, Protected: true, Retained: true}}, d.Resources)
	require.True(t, d.Resources[0].Refused())
	require.True(t, NewDiff(some, some).Empty())
}

func TestDiffDescribesAReplacement(t *testing.T) {
	t.Parallel()
	replaced := func(typ string, input string, edit func(*Resource)) Change {
		before, after := Resource{Type: typ}, Resource{Type: typ}
		edit(&before)
		edit(&after)
		before.Inputs[input], after.Inputs[input] = "a", "b"
		d := NewDiff(graphOf(before), graphOf(after))
		require.Len(t, d.Resources, 1)
		require.Equal(t, Replace, d.Resources[0].Action)
		return d.Resources[0]
	}
	const role, repository = "aws:iam/role:Role", "aws:ecr/repository:Repository"
	require.False(t, replaced(role, "path", func(r *Resource) { r.Inputs = object{} }).DeletedFirst)
	require.True(t, replaced(role, "path", func(r *Resource) { r.Inputs = object{"name": "fixed"} }).DeletedFirst, "both have the same name")
	require.True(t, replaced(role, "path", func(r *Resource) { r.Inputs, r.DeleteBeforeReplace = object{}, true }).DeletedFirst)
	require.True(t, replaced(role, "path", func(r *Resource) { r.Inputs, r.Protect = object{}, true }).Refused())
	require.True(t, replaced(repository, "name", func(r *Resource) { r.Inputs, r.RetainOnDelete = object{}, true }).Retained)
	require.False(t, replaced(repository, "name", func(r *Resource) { r.Inputs = object{} }).Refused())

	d := NewDiff(graphOf(Resource{Type: "aws:new/thing:Thing", Inputs: object{"a": 1.0}}), graphOf(Resource{Type: "aws:new/thing:Thing"}))
	require.True(t, d.Resources[0].Unreviewed, "the type has no row in replaces.go")
}

func TestDiffHidesSecrets(t *testing.T) {
	t.Parallel()
	version := func(hidden, revealed string) *Graph {
		return graphOf(Resource{
			Type: "aws:secretsmanager/secretVersion:SecretVersion", Inputs: object{"secretString": object{"secret": true}, "plain": hidden},
			RevealedInputs: object{"secretString": revealed, "plain": hidden},
		})
	}
	d := NewDiff(version("x", "one"), version("x", "two"))
	require.Equal(t, "replace secretString!", outline(d))
	var text bytes.Buffer
	require.NoError(t, d.WriteText(&text))
	require.NoError(t, d.WriteJSON(&text))
	require.Contains(t, text.String(), "[secret] -> [secret]")
	require.NotContains(t, text.String(), "two")
	require.True(t, NewDiff(version("x", "one"), version("x", "one")).Empty())

	read := version("x", "")
	read.Resources[0].RevealedInputs = nil
	require.True(t, NewDiff(read, version("x", "two")).Empty(), "a graph from a file has no values of secrets")
	require.Equal(t, "update plain", outline(NewDiff(read, version("y", "two"))))
}

func TestDiffText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("arn:aws:", 20)
	before := graphOf(Resource{Type: "aws:ec2/subnet:Subnet", Protect: true, Inputs: object{
		"cidrBlock": "10.0.0.0/24", "list": []any{"a", "b"}, "long": long + "one", "list2": []any{1.0, 2.0},
	}})
	after := graphOf(Resource{Type: "aws:ec2/subnet:Subnet", Protect: true, Inputs: object{
		"cidrBlock": "10.0.1.0/24", "list": []any{"b", "c"}, "long": long + "two", "list2": []any{2.0, 1.0},
	}, DependsOn: []string{"x::y"}, PropertyDependencies: map[string][]string{"list": {"x::y"}}})
	before.Outputs, after.Outputs = object{"url": "http"}, object{"url": "https"}
	var text bytes.Buffer
	require.NoError(t, NewDiff(before, after).WriteText(&text))
	require.Equal(t, `-/+ aws ec2 Subnet it (replace; REFUSED: it is protected)
      cidrBlock [replaces]: "10.0.0.0/24" -> "10.0.1.0/24"
      list: - "a"  + "c"
      list2: the same items in another order or number (2 -> 2)
      long: "...arn:aws:arn:aws:arn:aws:one" -> "...arn:aws:arn:aws:arn:aws:two"
      dependsOn [option]: + "x::y"
outputs
      url: "http" -> "https"
1 to replace, 1 output different
`, text.String())
	text.Reset()
	require.NoError(t, NewDiff(before, before).WriteText(&text))
	require.Equal(t, "no difference\n", text.String())
}

// The properties in the table exist: a misspelt one would never match.
func TestReplacingNamesInputsThatExist(t *testing.T) {
	t.Parallel()
	token := regexp.MustCompile(`ctx\.RegisterResource\("([^"]+)"`)
	field := regexp.MustCompile("`pulumi:\"(\\w+)\"`")
	known := map[string]map[string]bool{}
	for module, pattern := range map[string]string{
		"github.com/pulumi/pulumi-aws/sdk/v6": "go/aws/*/*.go", "github.com/pulumi/pulumi-random/sdk/v4": "go/random/*.go",
		"github.com/pulumi/pulumi-docker-build/sdk/go/dockerbuild": "*.go",
	} {
		root, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, module)
		for _, file := range files {
			base := strings.TrimSuffix(filepath.Base(file), ".go")
			if !mentioned(base) {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			match := token.FindStringSubmatch(string(text))
			if match == nil {
				continue
			}
			known[match[1]] = map[string]bool{}
			for _, f := range field.FindAllStringSubmatch(string(text), -1) {
				known[match[1]][f[1]] = true
			}
		}
	}
	for typ, row := range replacing {
		require.Contains(t, known, typ)
		for _, path := range strings.Fields(row) {
			property, _, _ := strings.Cut(path, ".")
			require.True(t, known[typ][property], "%s has no input %s", typ, property)
		}
	}
}

// mentioned tells whether the table has a type that a file with this name could define.
func mentioned(file string) bool {
	for typ := range replacing {
		if strings.EqualFold(typ[strings.LastIndex(typ, ":")+1:], file) {
			return true
		}
	}
	return false
}

// The filters of a machine image are in no resource: only the lookup shows a change of them.
func TestDiffShowsWhatTheProgramLooksUp(t *testing.T) {
	t.Parallel()
	filter := func(name string) object { return object{"aws:ec2/getAmi:getAmi": []any{object{"owners": name}}} }
	before, after := &Graph{}, &Graph{Lookups: filter("amazon")}
	require.Equal(t, []Property{{Path: "aws:ec2/getAmi:getAmi", After: filter("amazon")["aws:ec2/getAmi:getAmi"]}},
		NewDiff(before, after).Lookups)
	var text bytes.Buffer
	d := NewDiff(after, &Graph{Lookups: filter("self")})
	require.NoError(t, d.WriteText(&text))
	require.Equal(t, "lookups\n      aws:ec2/getAmi:getAmi[0].owners: \"amazon\" -> \"self\"\n1 lookup different\n", text.String())
}
