package authz

import "strings"

// glob matches text against a pattern in which * means any text and ? one character.
func glob(pattern, text string) bool {
	star, restart := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, restart = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			restart++
			p, t = star+1, restart
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// arnParts splits an ARN into its six parts; the last may contain colons.
func arnParts(s string) []string { return strings.SplitN(s, ":", 6) }

func isARN(s string) bool {
	parts := arnParts(s)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] != "" && parts[5] != ""
}

// arnLike compares part by part: * does not match the colons between an ARN's six parts.
func arnLike(pattern, text string) bool {
	patterns, parts := arnParts(pattern), arnParts(text)
	if len(patterns) != 6 || len(parts) != 6 {
		return false
	}
	for i := range patterns {
		if !glob(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}

// accountOf returns the account in an ARN, "" for an ARN without one, such as a bucket's.
func accountOf(arn string) string {
	if parts := arnParts(arn); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// matchAction returns the pattern that matches an action; actions are not case-sensitive.
func matchAction(patterns []string, action string) (string, bool) {
	for _, p := range patterns {
		if glob(strings.ToLower(p), strings.ToLower(action)) {
			return p, true
		}
	}
	return "", false
}

func matchResource(patterns []string, resource string) (string, bool) {
	for _, p := range patterns {
		if p == "*" || glob(p, resource) {
			return p, true
		}
	}
	return "", false
}
