package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// decoder reads the raw configuration into the settings. Pulumi's own accessors ignore keys that no field claims, match
// field names in any case, and turn what they cannot read into zero values; here all of that is an error.
type decoder struct {
	report   *report
	project  string
	settings []*setting
	secrets  []string
}

// tiers reads every key in the project's namespace.
func (d *decoder) tiers(values map[string]string) {
	known := tiers(d.settings)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, ours := strings.CutPrefix(key, d.project+":")
		if !ours {
			continue
		}
		if !slices.Contains(known, name) {
			d.unknownTier(name, values[key], known)
			continue
		}
		d.report.given[name] = true
		if slices.Contains(d.secrets, key) {
			d.report.hidden[name] = true
			d.secret(name, values[key])
		}
		d.tier(name, values[key])
	}
}

// blinded is the text in place of a secret that cannot be decrypted.
const blinded = "[secret]"

// secret reports a tier that holds a secret. The engine says which tier, not which of its keys; where secrets are blinded
// the keys can be found.
func (d *decoder) secret(tier, value string) {
	const want = "want a plain value: no setting of this program is a secret"
	found := false
	report := func(key, example string) {
		found = true
		d.report.addCommand(key, missing{}, want, d.report.run("set --plaintext --path "+quote(key)+" "+quote(example)))
	}
	members, _ := readObject(value) // if it is not an object, that is reported with the tier
	for _, m := range members {
		key, example := tier+"."+m.name, "<value>"
		if s := d.setting(key); s != nil {
			example = s.example
		}
		if m.value == blinded {
			report(key, example)
		}
		elements, _ := m.value.([]any)
		for i, element := range elements {
			if element == blinded {
				report(fmt.Sprintf("%s[%d]", key, i), example)
			}
		}
		named, _ := m.value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(named)) {
			if named[name] == blinded {
				report(fmt.Sprintf("%s[%q]", key, name), example)
			}
		}
	}
	if !found {
		d.report.addCommand(tier, missing{}, want,
			d.report.run("set --plaintext --path "+quote(tier+".<key>")+" "+quote("<value>")))
	}
}

// tier reads the object of one tier.
func (d *decoder) tier(tier, value string) {
	members, err := readObject(value)
	if err != nil {
		r := d.report
		var example *setting
		for _, s := range slices.Backward(d.settings) {
			if s.tier() == tier {
				example = s
			}
		}
		r.addCommand(tier, value, "want an object with the keys of "+tier+": "+err.Error(),
			r.run("rm "+tier)+" && "+r.set(example.key, example.example))
		return
	}
	for _, m := range members {
		key := tier + "." + m.name
		if d.report.given[key] {
			d.report.addCommand(key, m.value, "the key is there twice", d.report.remove(key))
			continue
		}
		d.report.given[key] = true
		s := d.setting(key)
		if s == nil {
			d.unknownKey(tier, key, m)
			continue
		}
		if m.value == nil {
			d.fault(s, fault{detail: "null is no value: remove the key to get the default"})
			continue
		}
		for _, f := range s.decode(m.value) {
			d.fault(s, f)
		}
	}
}

func (d *decoder) fault(s *setting, f fault) {
	want := "want " + s.allowed
	if f.detail != "" && !d.report.hidden[s.tier()] {
		want += "; " + f.detail
	}
	example := s.example
	if f.example != "" {
		example = f.example
	}
	key := s.key + f.place
	command := d.report.set(key, example)
	if f.remove {
		command = d.report.remove(key)
	}
	_, isList := f.value.([]any)
	_, isObject := f.value.(map[string]any)
	if f.place == "" && (isList || isObject || s.element != "") {
		// The CLI does not turn a value into a list, or a list into a value, in one step.
		command = d.report.remove(s.key) + " && " + d.report.set(s.key+s.element, example)
	}
	d.report.addCommand(key, f.value, want, command)
}
