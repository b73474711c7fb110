package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// unknownTier reports a key in the project's namespace that no tier owns.
func (d *decoder) unknownTier(name, value string, known []string) {
	tier, _, _ := strings.Cut(name, ".")
	d.report.hidden[tier] = d.report.hidden[tier] || slices.Contains(d.secrets, d.project+":"+name)
	d.report.given[name] = true
	rm := d.report.run("rm " + quote(name))
	// `pulumi config set a.b v` without --path makes a key with a dot in its name.
	if s := d.setting(name); s != nil {
		d.report.addCommand(name, value, "this is one key with a dot in its name: --path was left out",
			rm+" && "+d.report.set(name, d.usable(s, tier, value)))
		return
	}
	if s := d.namesake(name); s != nil {
		d.report.meant[s.key] = true
		d.report.addCommand(name, value, "unknown key; did you mean "+s.key+"?",
			rm+" && "+d.report.set(s.key+s.element, d.usable(s, tier, value)))
		return
	}
	want := "unknown key; the keys are " + strings.Join(known, ", ")
	if tier = closest(name, known); tier != "" {
		d.report.meant[tier] = true
		want = "unknown key; did you mean " + tier + "?"
	}
	d.report.addCommand(name, value, want, rm)
}

// pathWord is a name that needs no quotes in a path.
var pathWord = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// unknownKey reports a key of a tier that the tier does not have.
func (d *decoder) unknownKey(tier, key string, m member) {
	var names []string
	for _, s := range d.settings {
		if s.tier() == tier {
			names = append(names, s.name())
		}
	}
	rm := d.report.remove(key)
	if !pathWord.MatchString(m.name) {
		rm = d.report.run("rm --path " + quote(tier+`["`+m.name+`"]`))
	}
	s := d.setting(tier + "." + closest(m.name, names))
	if s == nil {
		s = d.namesake(m.name)
	}
	if s == nil {
		d.report.addCommand(key, m.value, "unknown key; "+tier+" has "+strings.Join(names, ", "), rm)
		return
	}
	d.report.meant[s.key] = true
	d.report.addCommand(key, m.value, "unknown key; did you mean "+s.key+"?",
		rm+" && "+d.report.set(s.key+s.element, d.usable(s, tier, m.value)))
}

func (d *decoder) setting(key string) *setting {
	for _, s := range d.settings {
		if s.key == key {
			return s
		}
	}
	return nil
}

// namesake finds a setting by its name alone, in any tier.
func (d *decoder) namesake(name string) *setting {
	for _, s := range d.settings {
		if strings.EqualFold(s.name(), name) {
			return s
		}
	}
	return nil
}

// usable is the value of an unknown key for the command that sets the right one, or an example if that would not take it.
func (d *decoder) usable(s *setting, tier string, value any) string {
	if d.report.hidden[tier] || s.element != "" || len(s.decode(value)) > 0 {
		return s.example
	}
	return fmt.Sprint(value)
}

// closest returns the candidate that a misspelt name most likely means, or "".
func closest(name string, candidates []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's. Names longer than any key are far from all of them.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
