package complete

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalable-backend/internal/rules"
)

// Security returns the properties of a resource for which rules.AboutSecurity is true, e.g. "rules[].bucketKeyEnabled": those of the
// resource and of the objects in its inputs, whether they are set or not.
func (s *Source) Security(tok string, inputs map[string]any) ([]string, error) {
	parts := token.FindStringSubmatch(tok)
	if parts == nil {
		return nil, fmt.Errorf("%s is not the token of a resource", tok)
	}
	text, err := s.text(parts[1])
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	err = (&checker{text: text}).security("", strings.ToLower(parts[3][:1])+parts[3][1:]+"Args", inputs, found)
	return slices.Sorted(maps.Keys(found)), err
}

func (c *checker) security(path, name string, inputs map[string]any, found map[string]bool) error {
	known, err := c.properties(name)
	if err != nil {
		return err
	}
	for property, kind := range known {
		at := join(path, property)
		element, isList := strings.CutPrefix(strings.TrimPrefix(kind, "*"), "[]")
		isObject := plainKinds[element] == 0 && !strings.HasPrefix(element, "map[") && element != "interface{}"
		if rules.AboutSecurity(property) {
			found[at] = true
		}
		if !isObject {
			continue
		}
		objects := []any{inputs[property]}
		if isList {
			at += "[]"
			objects, _ = inputs[property].([]any)
		}
		for _, o := range objects {
			if object, ok := o.(map[string]any); ok && object["secret"] != true && object["unknown"] != true {
				if err := c.security(at, element, object, found); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
