package infratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// emptyARNs reports empty inputs whose name ends like that of an ARN, and policies with a resource that is neither "*" nor an
// ARN: both are the result of an output without a value.
func emptyARNs(key string, inputs map[string]any) []string {
	var problems []string
	var visit func(path string, name string, value any)
	visit = func(path, name string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				visit(strings.TrimPrefix(path+"."+k, "."), k, v[k])
			}
		case []any:
			for i, e := range v {
				visit(fmt.Sprintf("%s[%d]", path, i), name, e)
			}
		case string:
			lower := strings.ToLower(name)
			if (strings.HasSuffix(lower, "arn") || strings.HasSuffix(lower, "arns")) && v == "" {
				problems = append(problems, fmt.Sprintf("%s: input %s is an empty ARN", key, path))
			}
			for _, bad := range badPolicyResources(v) {
				problems = append(problems, fmt.Sprintf("%s: input %s: policy resource %q is not an ARN", key, path, bad))
			}
		}
	}
	visit("", "", inputs)
	return problems
}

// badPolicyResources returns the Resource entries of a policy document that are not ARNs.
func badPolicyResources(text string) []string {
	var document struct {
		Statement []struct {
			Resource json.RawMessage
		}
	}
	if !strings.Contains(text, `"Statement"`) || json.Unmarshal([]byte(text), &document) != nil {
		return nil
	}
	var bad []string
	for _, s := range document.Statement {
		var list []string
		if json.Unmarshal(s.Resource, &list) != nil {
			var one string
			if json.Unmarshal(s.Resource, &one) != nil {
				continue
			}
			list = []string{one}
		}
		for _, r := range list {
			if r != "*" && !strings.HasPrefix(r, "arn:") && !strings.HasPrefix(r, "execute-api:") {
				bad = append(bad, r)
			}
		}
	}
	return bad
}
