package rules

import (
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func permissionRules() []Rule { return append(policyRules(), roleRules()...) }

func policyRules() []Rule {
	policies := of(iamPolicy)
	return []Rule{
		{"no-wildcards", ids("S-IAM5"), "No policy has a wildcard in an action or a resource", Everywhere,
			policies, eachStatement(func(s statement) string {
				for _, v := range slices.Concat(s.Action, s.Resource) {
					if strings.Contains(v, "*") {
						return "it allows " + strings.Join(s.Action, ", ") + " on " + strings.Join(s.Resource, ", ")
					}
				}
				return ""
			})},
		{"no-broad-actions",
			ids("IAM.1 IAM.21 C_62 C_63 C2_40 T0345 R-IAMPolicyNoStatementsWithAdminAccess R-IAMPolicyNoStatementsWithFullAccess"),
			"No policy allows a whole service", Everywhere,
			policies, eachStatement(func(s statement) string {
				for _, v := range s.Action {
					if v == "*" || strings.HasSuffix(v, ":*") {
						return "it allows " + v
					}
				}
				if len(s.NotAction) > 0 {
					return "it allows all but some actions"
				}
				return ""
			})},
		{"no-any-resource", ids("C_290 C_355"), "No policy allows an action on every resource", Everywhere,
			policies, eachStatement(func(s statement) string {
				if slices.Contains(s.Resource, "*") {
					return "it allows " + strings.Join(s.Action, ", ") + " on every resource"
				}
				return ""
			})},
		{"no-escalation", ids("C_286 C_287 C_288 C_289"), "No policy allows reading data or granting permissions on every resource", Everywhere,
			policies, eachStatement(escalates)},
		{"no-any-key", ids("KMS.1 KMS.2"), "No policy allows decryption with every key", Everywhere,
			policies, eachStatement(func(s statement) string {
				if (s.Action.matches("kms:Decrypt") || s.Action.matches("kms:ReEncryptFrom")) &&
					slices.ContainsFunc(s.Resource, func(r string) bool { return r == "*" || strings.HasSuffix(r, ":key/*") }) {
					return "it does"
				}
				return ""
			})},
		{"pass-role", ids("T0342"), "iam:PassRole is allowed only for named roles", Everywhere, policies, eachStatement(func(s statement) string {
			if s.Action.matches("iam:PassRole") && strings.Contains(strings.Join(s.Resource, " "), "*") {
				return "it allows passing any role"
			}
			return ""
		})},
	}
}

func roleRules() []Rule {
	roles := of(iamRole)
	return []Rule{
		{"no-managed-policies", ids("S-IAM4"), "Roles have only policies of this program", Everywhere,
			roles, func(w *World, r graph.Resource) (problems []Problem) {
				_, managed := w.attached(r)
				for _, arn := range managed {
					problems = append(problems, Problem{Part: arn[strings.LastIndex(arn, "/")+1:], Text: "it is an AWS managed policy"})
				}
				return problems
			}},
		{"no-administrator", ids("C_274 C2_56"), "No role has an AWS managed policy for administrators", Everywhere,
			roles, that(func(w *World, r graph.Resource) string {
				_, managed := w.attached(r)
				for _, arn := range managed {
					if strings.HasSuffix(arn, "Access") || strings.Contains(arn, "Administrator") {
						return "it has " + arn
					}
				}
				return ""
			})},
		{"no-inline-policies", ids("R-IAMNoInlinePolicy"), "Roles have no inline policies", Everywhere,
			roles, all(hasNo("inlinePolicies"), that(func(w *World, r graph.Resource) string {
				if len(w.From(iamRolePolicy, "role", r)) > 0 {
					return "it has an inline policy"
				}
				return ""
			}))},
		{"no-role-policy-conflicts", ids("G-iam-role-no-policy-management-conflicts"), "Policies are attached in only one way", Everywhere,
			roles, all(hasNo("managedPolicyArns"), hasNo("inlinePolicies"), that(func(w *World, _ graph.Resource) string {
				if len(w.Type(iamPolicyAttachment)) > 0 {
					return "an exclusive attachment would detach what others attach"
				}
				return ""
			}))},
		{"role-for-services", ids("C_60 C_61 C_393"), "Only named services may assume a role", Everywhere,
			roles, that(func(_ *World, r graph.Resource) string {
				d, err := document(r, "assumeRolePolicy")
				if err != nil {
					return err.Error()
				}
				for _, s := range d.Statement {
					if len(s.Principal) != 1 || len(s.Principal["Service"]) != 1 || strings.Contains(s.Principal["Service"][0], "*") {
						return fmt.Sprintf("%v may", s.Principal)
					}
				}
				return ""
			})},
		{"confused-deputy", ids("prowler:iam_role_cross_service_confused_deputy_prevention"), "A service may assume a role only for this account",
			Everywhere,
			roles, that(func(_ *World, r graph.Resource) string {
				d, _ := document(r, "assumeRolePolicy")
				for _, s := range d.Statement {
					if len(s.condition("aws:SourceAccount")) == 0 && len(s.condition("aws:SourceArn")) == 0 {
						return strings.Join(s.Principal["Service"], ", ") + " may assume it for any account"
					}
				}
				return ""
			})},
		{"boundary-on-every-role", nil, "If one role has a permissions boundary, every role has it", Everywhere,
			roles, that(func(w *World, r graph.Resource) string {
				for _, other := range w.Type(iamRole) {
					if want := text(other, "permissionsBoundary"); want != "" && text(r, "permissionsBoundary") != want {
						return "it lacks the boundary of " + other.Name
					}
				}
				return ""
			})},
		{"role-in-use", nil, "Every role has a policy, and every policy a role", Everywhere,
			of(iamRole, iamPolicy), that(func(w *World, r graph.Resource) string {
				property := "role"
				if r.Type == iamPolicy {
					property = "policyArn"
				}
				if len(w.From(rolePolicyAttachment, property, r)) == 0 {
					return "no policy or role is attached"
				}
				return ""
			})},
	}
}

// harmless lists the actions that policies may allow on every resource: AWS cannot limit them to one, and they neither read
// data nor grant permissions.
var harmless = values{"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}

func escalates(s statement) string {
	if !slices.Contains(s.Resource, "*") {
		return ""
	}
	for _, action := range s.Action {
		if !harmless.matches(action) {
			return "it allows " + action + " on every resource"
		}
	}
	return ""
}

// eachStatement checks what a policy allows, statement by statement.
func eachStatement(check func(statement) string) Check {
	return func(_ *World, r graph.Resource) (problems []Problem) {
		d, err := document(r, "policy")
		if err != nil {
			return []Problem{{Text: err.Error()}}
		}
		for i, s := range d.Statement {
			if s.Effect != allow {
				continue
			}
			if text := check(s); text != "" {
				problems = append(problems, Problem{Part: s.part(i), Text: text})
			}
		}
		return problems
	}
}
