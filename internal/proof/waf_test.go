package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodyRules are the rules on bodies of AWS's core rule set, and what each looks for, as far as its description says (AWS WAF Developer
// Guide, "Core rule set (CRS) managed rule group"). AWS keeps the patterns to itself.
var bodyRules = map[string]*regexp.Regexp{
	"GenericLFI_BODY":         regexp.MustCompile(`\.\./\.\.`),
	"GenericRFI_BODY":         regexp.MustCompile(`(?i)(https?|ftps?|file)://\d+\.\d+\.\d+\.\d+`),
	"EC2MetaDataSSRF_BODY":    regexp.MustCompile(`169\.254\.169\.254|latest/meta-data`),
	"CrossSiteScripting_BODY": regexp.MustCompile(`(?i)<script`),
}

// The web ACL lets through every failure that an agent really reports: the bodies are its own, from a test of the agent. Without the
// program's overrides each of them would be refused.
func TestWebACLTakesTheAgentsReports(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "services/agent/runner/testdata/reports.json"))
	require.NoError(t, err)
	var reports []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &reports))
	require.GreaterOrEqual(t, len(reports), len(bodyRules))

	acl := only(t, planned(t, "prod"), "aws:wafv2/webAcl:WebAcl")
	var blocking []string
	for name := range bodyRules {
		if !slices.Contains(countedRules(t, input(t, acl, "rules").([]any)), name) {
			blocking = append(blocking, name)
		}
	}
	met := map[string]bool{}
	for _, report := range reports {
		var problem struct{ Problem struct{ Detail string } }
		require.NoError(t, json.Unmarshal(report, &problem))
		hits := 0
		for name, pattern := range bodyRules {
			if pattern.MatchString(problem.Problem.Detail) {
				hits, met[name] = hits+1, true
				require.NotContains(t, blocking, name, "it refuses %s", report)
			}
		}
		require.NotZero(t, hits, "%s shows nothing", report)
	}
	require.Len(t, met, len(bodyRules))
}

// countedRules are the rules of the core rule set that only count.
func countedRules(t *testing.T, rules []any) []string {
	t.Helper()
	var names []string
	for _, r := range rules {
		statement, _ := r.(map[string]any)["statement"].(map[string]any)
		group, ok := statement["managedRuleGroupStatement"].(map[string]any)
		if !ok || group["name"] != "AWSManagedRulesCommonRuleSet" {
			continue
		}
		for _, o := range group["ruleActionOverrides"].([]any) {
			override := o.(map[string]any)
			require.Contains(t, override["actionToUse"], "count")
			names = append(names, override["name"].(string))
		}
	}
	require.NotEmpty(t, names)
	return names
}
