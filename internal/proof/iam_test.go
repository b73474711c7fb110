package proof

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/internal/authz"
)

// everyPolicy turns on the options that are off by default and add policies.
var everyPolicy = map[string]string{
	"fargate.persistentStorage": "true", "monitoring.guardDuty": "true", "monitoring.awsConfig": "true", "monitoring.inspector": "true",
	"compute.secrets.PAYMENTS_KEY": ownSecret + ":key", "compute.secrets.MAIL_KEY": otherSecret + ":key",
	"fargate.secrets.PAYMENTS_KEY": ownSecret + ":key",
}

// worlds returns the stacks, and each with every option on. Tests share the plans but not the worlds.
func worlds(t *testing.T) map[string]*world {
	t.Helper()
	all := map[string]*world{}
	for _, stack := range []string{"dev", "prod"} {
		all[stack] = worldOf(t, planned(t, stack))
		all[stack+" with everything"] = worldOf(t, plannedWith(t, stack, everyPolicy))
	}
	return all
}

// calls returns all calls that the stack's parts and AWS services make.
func (w *world) calls() []call {
	p := w.fixture()
	return slices.Concat(w.backendCalls(p), w.hostCalls(p), w.agentCalls(p), w.packageCalls(p), w.trusts(), w.logCalls(), w.deliveries(p),
		w.notifications(p), w.administration())
}

func (c call) String() string {
	return fmt.Sprintf("%s: %s %s on %s %v", c.why, c.who, c.action, c.resource, c.context)
}

func TestCallsAreAllowed(t *testing.T) {
	t.Parallel()
	for name, w := range worlds(t) {
		calls := w.calls()
		for _, c := range calls {
			if d := w.decide(c); !d.Allowed {
				t.Errorf("%s: %s: %s", name, c, d.Reason)
			}
		}
		t.Logf("%s: %d calls", name, len(calls))
	}
}

func TestCallsAreRefused(t *testing.T) {
	t.Parallel()
	for name, w := range worlds(t) {
		calls := w.refusals(w.fixture())
		for _, c := range calls {
			if d := w.decide(c); d.Allowed {
				t.Errorf("%s: %s: %s", name, c, d.Reason)
			}
		}
		t.Logf("%s: %d calls", name, len(calls))
	}
}

// sdkNeeds lists exactly the operations that the code calls: permissions for others would be too many.
func TestSDKNeedsMatchTheCode(t *testing.T) {
	t.Parallel()
	var known []string
	for operation := range sdkNeeds {
		known = append(known, operation)
	}
	require.ElementsMatch(t, known, sdkCalls(t, "backend"))
	require.Empty(t, sdkCalls(t, "agent"), "the agent calls only the API and presigned URLs, no AWS service")
}

// The tests evaluate every policy in the plan: none is in an input that worldOf does not read.
func TestEveryPolicyIsRead(t *testing.T) {
	t.Parallel()
	for name, w := range worlds(t) {
		read := map[string]bool{}
		for _, d := range w.documents {
			read[d.Name] = true
		}
		for _, r := range w.g.Resources {
			for _, path := range policiesIn(r.RevealedInputs, "") {
				require.Equal(t, policyPlaces[r.Type].property, path, "%s: %s", name, r.Key())
				require.True(t, read[r.Key()], "%s: %s", name, r.Key())
			}
		}
		require.Empty(t, w.g.OfType("aws:iam/rolePolicy:RolePolicy"), "worldOf does not read inline policies")
	}
}

// policiesIn returns the paths of the strings that look like a policy.
func policiesIn(value any, path string) []string {
	var found []string
	switch v := value.(type) {
	case string:
		if strings.Contains(v, `"Statement"`) {
			return []string{strings.TrimPrefix(path, ".")}
		}
	case map[string]any:
		for key, inner := range v {
			found = append(found, policiesIn(inner, path+"."+key)...)
		}
	case []any:
		for i, inner := range v {
			found = append(found, policiesIn(inner, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return found
}

// waivers are the exceptions. Each must be needed.
type waivers struct {
	Wildcards []wildcardWaiver `yaml:"wildcards"`
	Managed   []struct {
		Role, Policy, Reason string
	} `yaml:"managed"`
	Unused []struct {
		Policy, Entry, Reason string
	} `yaml:"unused"`
}

type wildcardWaiver struct {
	Policy    string   `yaml:"policy"`
	Statement string   `yaml:"statement"` // its Sid, or its number from 0
	Element   string   `yaml:"element"`   // action, resource or principal
	Values    []string `yaml:"values"`    // with <account>, <region> and <stack>
	Reason    string   `yaml:"reason"`
}

func readWaivers(t *testing.T) waivers {
	t.Helper()
	file, err := os.Open(root + "/internal/proof/testdata/iam_waivers.yaml")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var w waivers
	require.NoError(t, decoder.Decode(&w))
	return w
}

// neutral replaces account, region and stack name in a text by placeholders.
func (w *world) neutral(text string) string {
	return strings.NewReplacer(w.account, "<account>", w.region, "<region>", "/"+w.g.Stack+"/", "/<stack>/").Replace(text)
}

func sid(d authz.Document, statement int) string {
	if s := d.Statements[statement].Sid; s != "" {
		return s
	}
	return fmt.Sprint(statement)
}

// Every wildcard in an allow statement has a waiver with a reason, and every waiver is needed.
func TestWildcardsAreWaived(t *testing.T) {
	t.Parallel()
	waived, used := map[string]bool{}, map[string]bool{}
	for _, x := range readWaivers(t).Wildcards {
		require.Greater(t, len(x.Reason), 20, "%s %s: want a longer reason", x.Policy, x.Statement)
		for _, value := range x.Values {
			entry := strings.Join([]string{x.Policy, x.Statement, x.Element, value}, " | ")
			require.False(t, waived[entry], "waived twice: %s", entry)
			waived[entry] = true
		}
	}
	for _, w := range worlds(t) {
		for _, d := range w.documents {
			for i, s := range d.Statements {
				if s.Deny {
					continue // a wide denial is no risk
				}
				require.Empty(t, append(s.NotActions, s.NotResources...), "%s: an allow statement must list what it allows", d.Name)
				elements := map[string][]string{"action": s.Actions, "resource": s.Resources}
				for _, p := range s.Principals {
					elements["principal"] = append(elements["principal"], p.Value)
				}
				for element, values := range elements {
					for _, value := range values {
						if strings.ContainsAny(value, "*?") {
							used[strings.Join([]string{d.Name, sid(d, i), element, w.neutral(value)}, " | ")] = true
						}
					}
				}
			}
		}
	}
	requireExact(t, waived, used)
}

// Every AWS managed policy has a waiver, because AWS may add permissions to it without notice.
func TestManagedPoliciesAreWaived(t *testing.T) {
	t.Parallel()
	waived, used := map[string]bool{}, map[string]bool{}
	for _, x := range readWaivers(t).Managed {
		require.Greater(t, len(x.Reason), 20, x.Policy)
		waived[x.Role+" | "+x.Policy] = true
	}
	for _, w := range worlds(t) {
		for _, r := range w.g.OfType("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
			if name, ok := strings.CutPrefix(input(t, r, "policyArn").(string), "arn:aws:iam::aws:policy/"); ok {
				used[input(t, r, "role").(string)+" | "+name] = true
			}
		}
	}
	requireExact(t, waived, used)
}

// Every principal, action and resource in an allow statement is needed by a call, or has a waiver.
func TestNoUnusedPermissions(t *testing.T) {
	t.Parallel()
	waived, idle := map[string]bool{}, map[string]bool{}
	for _, x := range readWaivers(t).Unused {
		require.Greater(t, len(x.Reason), 20, x.Policy)
		waived[x.Policy+" | "+x.Entry] = true
	}
	used := map[string]bool{}
	for _, w := range worlds(t) {
		for _, c := range w.calls() {
			for _, g := range w.decide(c).Grants {
				used[w.entry(g)] = true
			}
		}
	}
	for _, w := range worlds(t) {
		for _, d := range w.documents {
			for _, g := range grantsOf(d) {
				if entry := w.entry(g); !used[entry] {
					idle[entry] = true
				}
			}
		}
	}
	requireExact(t, waived, idle)
}

func (w *world) entry(g authz.Grant) string {
	return strings.TrimRight(w.neutral(strings.Join([]string{g.Document, fmt.Sprint(g.Statement), g.Principal, g.Action, g.Resource}, " | ")),
		" |")
}

// grantsOf returns all entries of a document's allow statements.
func grantsOf(d authz.Document) []authz.Grant {
	var all []authz.Grant
	for i, s := range d.Statements {
		if s.Deny {
			continue
		}
		who := []string{""}
		if len(s.Principals) > 0 {
			who = nil
			for _, p := range s.Principals {
				who = append(who, p.Value)
			}
		}
		on := s.Resources
		if len(on) == 0 {
			on = []string{""}
		}
		for _, p := range who {
			for _, action := range s.Actions {
				for _, r := range on {
					all = append(all, authz.Grant{Document: d.Name, Statement: i, Principal: p, Action: action, Resource: r})
				}
			}
		}
	}
	return all
}

func requireExact(t *testing.T, waived, found map[string]bool) {
	t.Helper()
	for entry := range found {
		if !waived[entry] {
			t.Errorf("not waived: %s", entry)
		}
	}
	for entry := range waived {
		if !found[entry] {
			t.Errorf("waived but not found: %s", entry)
		}
	}
	t.Logf("%d waived", len(waived))
}
