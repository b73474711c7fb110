package review

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/authz"
	"scalable-backend/internal/graph"
)

const (
	policyType     = "aws:iam/policy:Policy"
	roleType       = "aws:iam/role:Role"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	endpointType   = "aws:ec2/vpcEndpoint:VpcEndpoint"
)

// policies are the inputs that hold a policy, with its kind and the input that says what it protects ("" for the resource itself).
var policies = map[string]struct {
	input, protects string
	kind            authz.Kind
}{
	policyType:                                  {"policy", "", authz.Identity},
	roleType:                                    {"assumeRolePolicy", "", authz.Trust},
	"aws:kms/key:Key":                           {"policy", "", authz.Resource},
	"aws:s3/bucketPolicy:BucketPolicy":          {"policy", "bucket", authz.Resource},
	"aws:sns/topicPolicy:TopicPolicy":           {"policy", "arn", authz.Resource},
	"aws:efs/fileSystemPolicy:FileSystemPolicy": {"policy", "fileSystemId", authz.Resource},
	endpointType:                                {"policy", "", authz.Resource},
}

// grant is one entry of a policy: a principal, an action and a resource, or a denial of them.
type grant struct {
	who, action, on string
	where           string // the conditions, "" without any
	through         string // of an endpoint's policy: the endpoint, which only limits
	deny            bool
}

// grants reads every policy of a graph. Names of planned resources stand instead of their ARNs, so that a renamed one is the same.
func grants(g *graph.Graph) ([]grant, error) {
	names := namesOf(g)
	roles := attached(g, names)
	var all []grant
	for _, r := range g.Resources {
		place, ok := policies[r.Type]
		text, has := r.Inputs[place.input].(string)
		if !ok || !has {
			continue
		}
		d, err := authz.Parse(place.kind, r.Key(), []byte(text))
		if err != nil {
			return nil, err
		}
		protected, through := graph.Short(r.Type)+" "+r.Name, ""
		if id, _ := r.Inputs[place.protects].(string); id != "" {
			protected = names.replace(id)
		}
		if r.Type == endpointType {
			through = protected
		}
		for _, s := range d.Statements {
			for _, who := range principals(s, roles[r.Key()], names) {
				all = append(all, entries(s, who, protected, through, names)...)
			}
		}
	}
	return append(all, managed(g, names)...), nil
}

// principals returns whom a statement is about: its principals, or the roles that have the policy.
func principals(s authz.Statement, roles []string, names names) []string {
	if len(s.Principals) == 0 {
		return roles
	}
	var who []string
	for _, p := range s.Principals {
		if p.Value == "*" {
			who = append(who, everybody)
		} else {
			who = append(who, names.replace(p.Value))
		}
	}
	return who
}

const everybody = "everybody"

// entries returns the single entries of a statement.
func entries(s authz.Statement, who, protected, through string, names names) (all []grant) {
	actions, resources := s.Actions, s.Resources
	if len(s.NotActions) > 0 {
		actions = []string{"everything but " + strings.Join(s.NotActions, ", ")}
	}
	if len(s.NotResources) > 0 {
		resources = []string{"everything but " + strings.Join(s.NotResources, ", ")}
	}
	if len(resources) == 0 { // a trust policy
		resources = []string{protected}
	}
	var where []string
	for _, c := range s.Conditions {
		values := slices.Sorted(slices.Values(c.Values))
		where = append(where, names.replace(fmt.Sprintf("%s %s %s", c.Key, c.Operator, strings.Join(values, " or "))))
	}
	slices.Sort(where)
	for _, action := range actions {
		for _, on := range resources {
			if on == "*" && strings.HasPrefix(protected, "aws kms ") {
				on = protected // in a key's policy * is the key
			}
			all = append(all, grant{who, action, names.replace(on), strings.Join(where, " and "), through, s.Deny})
		}
	}
	return all
}

// attached returns the roles that have each planned policy, by type::name of the policy.
func attached(g *graph.Graph, names names) map[string][]string {
	roles := map[string][]string{}
	for _, a := range g.OfType(attachmentType) {
		for _, p := range g.OfType(policyType) {
			if p.State["arn"] == a.Inputs["policyArn"] {
				roles[p.Key()] = append(roles[p.Key()], roleOf(g, a))
			}
		}
	}
	return roles
}

// managed returns the policies of AWS that roles have: what they allow is AWS's to say.
func managed(g *graph.Graph, names names) (all []grant) {
	for _, a := range g.OfType(attachmentType) {
		if arn, _ := a.Inputs["policyArn"].(string); strings.Contains(arn, ":iam::aws:policy/") {
			all = append(all, grant{who: roleOf(g, a), action: "all of AWS's policy " + arn[strings.LastIndex(arn, "/")+1:], on: "*"})
		}
	}
	return all
}

func roleOf(g *graph.Graph, attachment graph.Resource) string {
	for _, r := range g.OfType(roleType) {
		if r.State["name"] == attachment.Inputs["role"] {
			return graph.Short(r.Type) + " " + r.Name
		}
	}
	return fmt.Sprint(attachment.Inputs["role"])
}

// names are the ARNs and ids of planned resources, the longest first, with how a report calls them.
type names []struct{ id, name string }

func namesOf(g *graph.Graph) names {
	var list names
	seen := map[string]bool{}
	for _, r := range g.Resources {
		arn, _ := r.State["arn"].(string)
		for _, id := range []string{arn, idOf(r)} {
			if id != "" && !seen[id] {
				seen[id] = true
				list = append(list, struct{ id, name string }{id, graph.Short(r.Type) + " " + r.Name})
			}
		}
	}
	list = append(list, struct{ id, name string }{g.Project + "-" + g.Stack, "<deployment>"})
	slices.SortFunc(list, func(a, b struct{ id, name string }) int {
		if len(a.id) != len(b.id) {
			return len(b.id) - len(a.id)
		}
		return strings.Compare(a.id, b.id)
	})
	return list
}

// idOf returns the id of the types that policies name by id.
func idOf(r graph.Resource) string {
	if r.Type == "aws:efs/fileSystem:FileSystem" || r.Type == "aws:s3/bucketV2:BucketV2" {
		return r.ID
	}
	return ""
}

// replace puts names in the place of ARNs, and of a text that is an id.
func (n names) replace(text string) string {
	for _, known := range n {
		switch {
		case text == known.id:
			return known.name
		case strings.HasPrefix(known.id, "arn:") || known.name == "<deployment>":
			text = strings.ReplaceAll(text, known.id, known.name)
		}
	}
	return text
}
