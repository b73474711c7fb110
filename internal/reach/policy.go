package reach

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"scalable-backend/internal/graph"
)

// statement is the part of an endpoint policy's statement that is modelled.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string
}

func readPolicy(r graph.Resource) ([]statement, error) {
	decoder := json.NewDecoder(strings.NewReader(text(r, "policy")))
	decoder.DisallowUnknownFields()
	var document struct {
		Version   string
		Statement []statement
	}
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: reading its policy: %w", r.Key(), err)
	}
	return document.Statement, nil
}

// allows evaluates an endpoint policy for a request of a role of the account; without an account, for a request of anyone,
// including presigned and anonymous ones. A statement that it does not support allows nothing and denies everything.
func allows(policy []statement, action, arn, account string) error {
	who := "everybody"
	if account != "" {
		who = "account " + account
	}
	allowed := false
	for _, s := range policy {
		if !matches(s.Action, action) || !matches(s.Resource, arn) {
			continue
		}
		if s.Effect != "Allow" {
			return fmt.Errorf("its policy denies %s %s on %s", who, action, arn)
		}
		allowed = allowed || s.Principal == "*" && s.holds(account)
	}
	if !allowed {
		return fmt.Errorf("its policy does not allow %s %s on %s", who, action, arn)
	}
	return nil
}

// holds tells whether there is no condition, or only one on the account.
func (s statement) holds(account string) bool {
	if len(s.Condition) == 0 {
		return true
	}
	values := s.Condition["StringEquals"]["aws:PrincipalAccount"]
	return len(s.Condition) == 1 && len(s.Condition["StringEquals"]) == 1 && account != "" && len(values) == 1 && values[0] == account
}

func matches(patterns []string, value string) bool {
	for _, p := range patterns {
		expression := "^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p)) + "$"
		if ok, err := regexp.MatchString(expression, value); err == nil && ok {
			return true
		}
	}
	return false
}
