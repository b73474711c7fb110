package rules

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every rule finds the defect of its cases. A rule that has findings in every stack must have none after a repair.
func TestEveryRuleCanFail(t *testing.T) {
	waivers, err := Waivers()
	require.NoError(t, err)
	table := cases()
	for _, rule := range All() {
		list := table[rule.Name]
		delete(table, rule.Name)
		t.Run(rule.Case(), func(t *testing.T) {
			require.NotEmpty(t, list, "the rule needs a case")
			for _, c := range list {
				stack := Prod
				if c.dev {
					stack = Dev
				}
				base := bases[stack](t)
				before := on(ask(t, base, stack, rule.Name), c.subject)
				e := edit(t, base)
				c.change(e)
				findings := ask(t, e.g, stack, rule.Name)
				after := on(findings, c.subject)
				if c.mends {
					require.NotEmpty(t, before, "the rule must have a finding before the repair")
					require.Empty(t, after, "the rule must have no finding after the repair")
					continue
				}
				require.Empty(t, before, "the rule must have no finding before the change")
				require.NotEmpty(t, after, "the rule does not find the defect")
				ledger := NewLedger(waivers)
				for _, f := range findings {
					if on([]Finding{f}, c.subject) == "" {
						continue
					}
					_, waived := ledger.Waived(f, stack)
					require.Equal(t, c.excused, waived, "a waiver hides %s", f)
				}
			}
		})
	}
	require.Empty(t, table, "cases of rules that do not exist")
}

// A case changes its own copy of the graph, not the graph that other cases share.
func TestCasesChangeACopy(t *testing.T) {
	base := bases[Prod](t)
	e := edit(t, base)
	set(bucketEncryption, "storage-data", "none", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm")(e)
	without(apiStage, "api-stage", apiAccount+"::api-account")(e)
	r, _ := base.Find(bucketEncryption, "storage-data")
	require.Equal(t, "aws:kms", get(r, "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"))
	stage, _ := base.Find(apiStage, "api-stage")
	require.Contains(t, stage.DependsOn, apiAccount+"::api-account")
}

var (
	ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	ruleID   = regexp.MustCompile(
		`^((S|R|G)-[A-Za-z0-9-]+|[A-Z][A-Za-z0-9]*\.[0-9]+|C2?_[0-9]+|T[0-9]{4}|prowler:[a-z0-9_]+|REL[0-9]{2}-BP[0-9]{2}|REL10)$`)
)

func TestRulesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		require.Regexp(t, ruleName, r.Name)
		require.False(t, seen[r.Name], "two rules are called %s", r.Name)
		seen[r.Name] = true
		require.NotEmpty(t, r.Title)
		for i, id := range r.IDs {
			require.Regexp(t, ruleID, id, r.Name)
			require.NotContains(t, r.IDs[:i], id)
			require.NotEqual(t, Own, SetOf(id))
		}
	}
}

func TestWaiversAreReadStrictly(t *testing.T) {
	good := "- {rule: imds-v2, resource: a, stacks: [dev], reason: because it is a good reason}\n"
	_, err := readWaivers([]byte(good))
	require.NoError(t, err)
	for text, want := range map[string]string{
		"- {rule: none, resource: a, stacks: [dev], reason: because it is a good reason}\n":            "no such rule",
		"- {rule: imds-v2, resource: '[', stacks: [dev], reason: because it is a good reason}\n":       "not a pattern",
		"- {rule: imds-v2, resource: a, stacks: [], reason: because it is a good reason}\n":            "want stacks",
		"- {rule: imds-v2, resource: a, stacks: [test], reason: because it is a good reason}\n":        "none of dev, prod, generated",
		"- {rule: imds-v2, resource: a, stacks: [dev], reason: so}\n":                                  "want a reason",
		"- {rule: imds-v2, resource: a, stacks: [dev], why: x, reason: because it is a good reason}\n": "field why not found",
		good + good: "duplicate of waiver 1",
	} {
		_, err := readWaivers([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

func TestLedger(t *testing.T) {
	waivers, err := readWaivers([]byte(`
- {rule: imds-v2, resource: "a-*", stacks: [dev, prod], reason: because it is a good reason}
- {rule: imds-v2, resource: "b#part", stacks: [dev], reason: because it is a good reason}
`))
	require.NoError(t, err)
	l := NewLedger(waivers)
	finding := func(rule, name, part string) Finding {
		f := Finding{Rule: rule, Problem: Problem{Part: part}}
		f.Resource.Name = name
		return f
	}
	for _, c := range []struct {
		finding Finding
		stack   string
		want    bool
	}{
		{finding("imds-v2", "a-1", ""), Dev, true},
		{finding("imds-v2", "a-1", ""), Generated, false},
		{finding("imds-v2", "b", "part"), Dev, true},
		{finding("imds-v2", "b", "other"), Dev, false},
		{finding("imds-v2", "b", ""), Dev, false},
		{finding("imds-hop-limit", "a-1", ""), Dev, false},
	} {
		_, ok := l.Waived(c.finding, c.stack)
		require.Equal(t, c.want, ok, "%s in %s", c.finding, c.stack)
	}
	require.Empty(t, l.Unused(Dev))
	require.Len(t, l.Unused(Prod), 1)
}

func TestPolicyPatterns(t *testing.T) {
	require.True(t, values{"kms:GenerateDataKey*"}.matches("kms:GenerateDataKey"))
	require.True(t, values{"s3:*"}.matches("S3:GetObject"))
	require.False(t, values{"s3:Get*"}.matches("s3:PutObject"))
	require.True(t, slices.Contains(values{"a"}, "a"))
}
