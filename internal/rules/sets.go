package rules

import (
	"regexp"
	"slices"
	"strings"
)

// Set is a published set of rules.
type Set struct{ Prefix, Title string }

// Own is the set of rules without a published identifier.
var Own = Set{"", "The program's own"}

// Sets are the published sets, with the prefix of their identifiers.
var Sets = []Set{
	{"S-", "cdk-nag, AWS Solutions"},
	{"R-", "cdk-nag, NIST 800-53 rev. 5"},
	{"FSBP", "AWS Foundational Security Best Practices, and other controls of Security Hub"},
	{"C_, C2_", "Checkov (CKV_AWS_, CKV2_AWS_)"},
	{"T", "Trivy (AWS-)"},
	{"G-", "Pulumi AWSGuard"},
	{"prowler:", "Prowler"},
	{"REL", "AWS Well-Architected, reliability"},
}

var (
	trivyID = regexp.MustCompile(`^T[0-9]{4}$`)
	relID   = regexp.MustCompile(`^REL[0-9]`)
)

// SetOf returns the set of an identifier.
func SetOf(id string) Set {
	index := 2 // identifiers that begin with a service, such as EC2.6, are Security Hub's
	switch {
	case strings.HasPrefix(id, "S-"):
		index = 0
	case strings.HasPrefix(id, "R-"):
		index = 1
	case strings.HasPrefix(id, "C_"), strings.HasPrefix(id, "C2_"):
		index = 3
	case trivyID.MatchString(id):
		index = 4
	case strings.HasPrefix(id, "G-"):
		index = 5
	case strings.HasPrefix(id, "prowler:"):
		index = 6
	case relID.MatchString(id):
		index = 7
	}
	return Sets[index]
}

// Count is the result of a set in one stack. An identifier counts as waived if a finding of any of its rules is.
type Count struct{ Total, Apply, Held, Waived, Open int }

// CountBySet counts identifiers; for the program's own set it counts rules.
func CountBySet(results []Result, waived func(Finding) bool) map[Set]Count {
	type state struct{ applies, waived, open bool }
	states := map[Set]map[string]*state{}
	for _, r := range results {
		names, set := r.Rule.IDs, SetOf
		if len(names) == 0 {
			names, set = []string{r.Rule.Name}, func(string) Set { return Own }
		}
		for _, id := range names {
			s := set(id)
			if states[s] == nil {
				states[s] = map[string]*state{}
			}
			if states[s][id] == nil {
				states[s][id] = &state{}
			}
			at := states[s][id]
			at.applies = at.applies || len(r.Subjects) > 0
			at.waived = at.waived || slices.ContainsFunc(r.Findings, waived)
			at.open = at.open || slices.ContainsFunc(r.Findings, func(f Finding) bool { return !waived(f) })
		}
	}
	counts := map[Set]Count{}
	for set, ids := range states {
		c := Count{Total: len(ids)}
		for _, s := range ids {
			switch {
			case !s.applies:
				continue
			case s.open:
				c.Open++
			case s.waived:
				c.Waived++
			default:
				c.Held++
			}
			c.Apply++
		}
		counts[set] = c
	}
	return counts
}
