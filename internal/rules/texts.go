package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// texts lists the inputs whose characters AWS checks only when it creates a resource, from its API references; * is any item.
var texts = map[string][]textInput{
	securityGroup:     {{"description", ec2Text}},
	ingressRule:       {{"description", ec2Text}},
	egressRule:        {{"description", ec2Text}},
	iamRole:           {{"description", iamText}},
	iamPolicy:         {{"description", iamText}},
	rdsParameterGroup: {{"description", printable(255)}},
	rdsSubnetGroup:    {{"description", printable(255)}},
	kmsKey:            {{"description", printable(1000)}},
	secret:            {{"description", printable(1000)}},
	metricAlarm:       {{"alarmDescription", printable(1000)}},
	eventRule:         {{"description", printable(512)}},
	ecrLifecycle:      {{"policy.rules.*.description", printable(256)}},
	ipSet:             {{"description", wafText}},
	webACL:            {{"description", wafText}, {"rules.*.name", wafName}, {"rules.*.visibilityConfig.metricName", wafMetric}},
}

type textInput struct {
	path    string
	pattern *regexp.Regexp
}

var (
	ec2Text   = regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)
	iamText   = regexp.MustCompile(`^[\t\n\r\x20-\x7E\x{A1}-\x{FF}]{1,1000}$`)
	wafText   = regexp.MustCompile(`^[\w+=:#@/\-,.][\w+=:#@/\-,.\s]{1,254}[\w+=:#@/\-,.]$`)
	wafName   = regexp.MustCompile(`^[\w\-]{1,128}$`)
	wafMetric = regexp.MustCompile(`^[\w#:.\-/]{1,255}$`)
	tagName   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValue  = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// printable matches up to most ASCII characters. RE2 allows at most 1,000 repetitions; longer texts are not used.
func printable(most int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`^[\x20-\x7E]{1,%d}$`, most))
}

func textRules() []Rule {
	tokens := slices.Sorted(maps.Keys(texts))
	return []Rule{
		{"texts-are-taken", nil, "AWS accepts the characters of names and descriptions", Everywhere, of(tokens...),
			that(func(_ *World, r graph.Resource) string {
				for _, input := range texts[r.Type] {
					for _, s := range textsAt(r.Inputs, strings.Split(input.path, ".")) {
						if !input.pattern.MatchString(s) {
							return fmt.Sprintf("%s %q does not match %s", input.path, s, input.pattern)
						}
					}
				}
				return ""
			})},
		{"tags-are-taken", nil, "Every service accepts the tags, and there are at most fifty", Everywhere, taggable,
			that(func(_ *World, r graph.Resource) string {
				tags, _ := get(r, "tags").(map[string]any)
				for name, value := range tags {
					if s, known := value.(string); !tagName.MatchString(name) || known && !tagValue.MatchString(s) {
						return fmt.Sprintf("tag %q is %v", name, value)
					}
				}
				if len(tags) > 50 {
					return fmt.Sprintf("it has %d tags", len(tags))
				}
				return ""
			})},
	}
}

// textsAt returns the strings at a path; absent and unknown values are left out.
func textsAt(v any, path []string) []string {
	if len(path) == 0 {
		if s, ok := v.(string); ok {
			return []string{s}
		}
		return nil
	}
	var found []string
	switch v := v.(type) {
	case map[string]any:
		found = textsAt(v[path[0]], path[1:])
	case []any:
		for _, item := range v {
			found = append(found, textsAt(item, path[1:])...)
		}
	case string: // a document in JSON
		var document any
		if json.Unmarshal([]byte(v), &document) == nil {
			found = textsAt(document, path)
		}
	}
	return found
}
