package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// WaiverFiles hold the exceptions that this project makes from its own rules, each with a reason: of the security rules, and of the rules
// for permissions. Paths are relative to the project.
var WaiverFiles = []string{"internal/rules/waivers.yaml", "internal/proof/testdata/iam_waivers.yaml"}

// Waivers compares two versions of such a file: which exceptions are new, gone, or there for another reason.
func Waivers(before, after []byte) ([]Item, error) {
	old, err := waiversOf(before)
	if err != nil {
		return nil, fmt.Errorf("reading the waivers, before: %w", err)
	}
	now, err := waiversOf(after)
	if err != nil {
		return nil, fmt.Errorf("reading the waivers, after: %w", err)
	}
	var items []Item
	for _, waiver := range sorted(now) {
		switch reason, had := old[waiver]; {
		case !had:
			items = append(items, item("new waiver: %s: %s", waiver, now[waiver]))
		case reason != now[waiver]:
			items = append(items, item("a waiver has another reason: %s: %s", waiver, now[waiver]))
		}
	}
	for _, waiver := range sorted(old) {
		if _, has := now[waiver]; !has {
			items = append(items, item("dropped waiver: %s", waiver))
		}
	}
	return items, nil
}

// waiversOf returns the reasons by what is waived. A file is a list of waivers, or has such a list under each of its keys.
func waiversOf(text []byte) (map[string]string, error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	lists, ok := document.(map[string]any)
	if !ok {
		lists = map[string]any{"": document}
	}
	reasons := map[string]string{}
	for kind, list := range lists {
		waivers, _ := list.([]any)
		for _, waiver := range waivers {
			fields, ok := waiver.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("want keys and values in each waiver, got %v", waiver)
			}
			var parts []string
			for _, key := range slices.Sorted(maps.Keys(fields)) {
				if key != "reason" {
					parts = append(parts, key+" "+listed(fields[key]))
				}
			}
			reasons[strings.TrimSpace(kind+" "+strings.Join(parts, ", "))] = fmt.Sprint(fields["reason"])
		}
	}
	return reasons, nil
}

// listed writes a value, or the values of a list.
func listed(value any) string {
	values, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, " and ")
}
