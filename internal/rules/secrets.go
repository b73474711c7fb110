package rules

import "scalable-backend/internal/graph"

func secretRules() []Rule {
	return []Rule{
		{"secret-key", ids("R-SecretsManagerUsingKMSKey C_149 T0098"), "Secrets are encrypted with the stack's key", Everywhere,
			of(secret), refers("kmsKeyId", kmsKey)},
		{"secret-rotation", ids("S-SMG4 SecretsManager.1 SecretsManager.4 C2_57 C_304 R-SecretsManagerRotationEnabled"),
			"Secrets are rotated automatically", Production,
			of(secret), satellite(secretRotation, "secretId", anything)},
		{"secret-value", nil, "Every secret has a value, which the graph hides", Everywhere,
			of(secret), satellite(secretVersion, "secretId", is(true, "secretString", "secret"))},
		{"secret-auto-named", nil, "Pulumi names secrets: AWS reserves a deleted name for a month", Everywhere, of(secret),
			hasNo("name")},
		{"secret-recovery", nil, "A deleted secret can be recovered", Production, of(secret), atLeast(7, "recoveryWindowInDays")},
		{"admin-token-length", nil, "Generated tokens and passwords have at least 128 bits", Everywhere,
			of(randomPassword), that(func(_ *World, r graph.Resource) string {
				// 22 letters and digits are 130 bits.
				if n, _ := number(get(r, "length")); n < 22 {
					return "it is too short"
				}
				return ""
			})},
	}
}
