package rules

import (
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func keyRules() []Rule {
	keys := of(kmsKey)
	return []Rule{
		{"key-rotation", ids("S-KMS5 KMS.4 C_7 T0065 G-cmk-backing-key-rotation-enabled R-KMSBackingKeyRotationEnabled"), "Keys rotate",
			Everywhere, keys, is(true, "enableKeyRotation")},
		{"key-enabled", ids("C_227"), "Keys are enabled", Everywhere, keys, isNot(false, "isEnabled")},
		{"key-policy", ids("C_33 KMS.5 C2_64"), "A key has its own policy: the account administers it, and no other account may use it",
			Everywhere,
			keys, that(keyPolicy)},
		{"key-deletion-window", nil, "A deleted key can be restored for a month", Production, keys, atLeast(30, "deletionWindowInDays")},
		{"key-protected", nil, "Pulumi refuses to delete a key", Production, keys, protected},
		{"key-without-service-linked-roles", nil, "No key policy names a service-linked role, which a new account does not have", Everywhere,
			keys, that(func(_ *World, r graph.Resource) string {
				d, _ := document(r, "policy")
				for _, s := range d.Statement {
					for _, p := range s.Principal["AWS"] {
						if strings.Contains(p, "/aws-service-role/") {
							return "it names " + p
						}
					}
				}
				return ""
			})},
	}
}

// keyPolicy: the principal "*" is everyone in every account, unless a condition limits the account.
func keyPolicy(_ *World, r graph.Resource) string {
	d, err := document(r, "policy")
	if err != nil {
		return err.Error()
	}
	root := false
	for _, s := range d.Statement {
		if s.Effect != allow {
			continue
		}
		if s.Principal.everyone() && len(s.condition("kms:CallerAccount")) == 0 {
			return s.Sid + " allows every account"
		}
		root = root || s.Action.matches("kms:PutKeyPolicy") && slices.ContainsFunc(s.Principal["AWS"], func(arn string) bool {
			return strings.HasSuffix(arn, ":root")
		})
	}
	if !root {
		return "the account cannot administer it"
	}
	return ""
}
