package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxTable leaves room among the 50 tags of a resource for those that the program and the services set.
const maxTable = 40

// table is a map of names to texts, where no two names differ in capitals only. Numbers and booleans are taken as they are written:
// `--path` stores such values as them.
func table(key string, target *map[string]string, allowed, exampleName, example string, valid func(name, value string) error) *setting {
	return tableOf(key, target, true, allowed, exampleName, example, valid)
}

// variables is a table where capitals count, as in the names of variables.
func variables(key string, target *map[string]string, allowed, exampleName, example string, valid func(name, value string) error) *setting {
	return tableOf(key, target, false, allowed, exampleName, example, valid)
}

func tableOf(
	key string, target *map[string]string, fold bool, allowed, exampleName, example string, valid func(name, value string) error,
) *setting {
	s := &setting{key: key, kind: Map, allowed: allowed, example: example, element: fmt.Sprintf("[%q]", exampleName)}
	s.values = []any{map[string]string{}, map[string]string{exampleName: example}}
	s.show = func() string {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(*target)) {
			pairs = append(pairs, name+": "+(*target)[name])
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	s.decode = func(raw any) []fault {
		members, ok := raw.(map[string]any)
		if !ok {
			return []fault{{value: raw, detail: "it is not a map"}}
		}
		if len(members) > maxTable {
			return []fault{{value: fmt.Sprintf("%d names", len(members)), detail: fmt.Sprintf("it has more than %d", maxTable)}}
		}
		var faults []fault
		values := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			bad := fault{place: fmt.Sprintf("[%q]", name), value: members[name]}
			value, isText := scalar(members[name])
			switch {
			case !isText:
				bad.detail = "it is not text"
			case fold && slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(other string) bool { return strings.EqualFold(name, other) }):
				bad.detail, bad.remove = "another name differs from it in capitals only", true
			default:
				err := valid(name, value)
				if err == nil {
					values[name] = value
					continue
				}
				bad.detail = detail(err)
			}
			// The example goes with every good name, so a name that refuses it is bad itself.
			bad.remove = bad.remove || valid(name, example) != nil
			faults = append(faults, bad)
		}
		if len(values) > 0 {
			*target = values
		}
		return faults
	}
	return s
}

func scalar(raw any) (string, bool) {
	switch v := raw.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}
