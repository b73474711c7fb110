package rules

import "scalable-backend/internal/plan"

func secretRules() []Rule {
	return []Rule{
		{"secret-key", ids("R-SecretsManagerUsingKMSKey C_149 T0098"), "Secrets are encrypted with the stack's key", Everywhere,
			of(secret), refers("kmsKeyId", kmsKey)},
		{"secret-rotation", ids("S-SMG4 SecretsManager.1 SecretsManager.4 C2_57 C_304 R-SecretsManagerRotationEnabled"),
			"Secrets rotate by themselves", Production,
			of(secret), satellite(secretRotation, "secretId", anything)},
		{"secret-value", nil, "Every secret has a value, and the graph does not show it", Everywhere,
			of(secret), satellite(secretVersion, "secretId", is(true, "secretString", "secret"))},
		{"secret-auto-named", nil, "Names of secrets are left to Pulumi: AWS keeps a deleted name for a month", Everywhere, of(secret),
			hasNo("name")},
		{"secret-recovery", nil, "A deleted secret can be recovered", Production, of(secret), atLeast(7, "recoveryWindowInDays")},
		{"admin-token-length", nil, "Made tokens and passwords have 128 bits or more", Everywhere,
			of(randomPassword), that(func(_ *World, r plan.Resource) string {
				// 22 letters and digits are 130 bits.
				if n, _ := number(get(r, "length")); n < 22 {
					return "it is short"
				}
				return ""
			})},
	}
}
