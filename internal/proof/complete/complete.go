// Package complete finds missing fields in the arguments of resources. The provider's SDK checks only the required arguments of
// a resource itself: no nested ones, and none of a resource that is registered by its token.
package complete

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Lists names the lists, maps and unions that AWS requires although they are optional in the SDK's types, e.g.
// "ecs.ServiceNetworkConfigurationArgs.Subnets".
type Lists map[string]bool

// Missing returns the required fields, at any depth, without a value in typed arguments. It records in used which of the
// required lists it has found.
func Missing(args any, required Lists, used map[string]bool) []string {
	w := &walker{required: required, used: used}
	w.walk("", reflect.ValueOf(args))
	return w.problems
}

type walker struct {
	required Lists
	used     map[string]bool
	problems []string
}

func (w *walker) report(format string, values ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, values...))
}

var outputType = reflect.TypeFor[pulumi.Output]()

func (w *walker) walk(path string, v reflect.Value) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return
	}
	if v.Type().Implements(outputType) {
		// The value is not known yet. Only a value with fields could have missing ones.
		if t := v.Interface().(pulumi.Output).ElementType(); hasFields(t) {
			w.report("%s: a %s comes as an output, which hides its fields", path, t)
		}
		return
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			element := fmt.Sprintf("%s[%d]", path, i)
			if absent(v.Index(i)) {
				w.report("%s: nil in a list", element)
			}
			w.walk(element, v.Index(i))
		}
	case reflect.Map:
		keys := map[string]reflect.Value{}
		for _, key := range v.MapKeys() {
			keys[key.String()] = v.MapIndex(key)
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			w.walk(join(path, key), keys[key])
		}
	case reflect.Struct:
		w.fields(path, v)
	}
}

// fields checks the fields of a type of arguments. The type's plain form shows which are required: there an optional field is a
// pointer, a list or a map, while in the arguments all are interfaces.
func (w *walker) fields(path string, v reflect.Value) {
	plain := v.Type()
	if input, ok := v.Interface().(pulumi.Input); ok {
		plain = input.ElementType()
	}
	if plain.Kind() == reflect.Pointer {
		plain = plain.Elem()
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		counterpart, ok := plain.FieldByName(field.Name)
		name, tagged := counterpart.Tag.Lookup("pulumi")
		if !ok || !tagged {
			w.report("%s: %s has no field %s", path, plain, field.Name)
			continue
		}
		at := join(path, name)
		listed := v.Type().String() + "." + field.Name
		if w.required[listed] {
			w.used[listed] = true
		}
		switch value := v.Field(i); {
		case absent(value) && (w.required[listed] || !nullable(counterpart.Type)):
			w.report("%s: missing in %s", at, v.Type())
		case (w.required[listed] || !nullable(counterpart.Type)) && empty(value):
			w.report("%s: empty in %s", at, v.Type())
		default:
			w.walk(at, value)
		}
	}
}

func nullable(t reflect.Type) bool {
	return slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface}, t.Kind())
}

// absent tells whether a field was left out; an empty plain string counts as left out.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	case reflect.String:
		return v.Type() == reflect.TypeFor[string]() && v.Len() == 0
	}
	return false
}

// empty tells whether a required value is present but empty.
func empty(v reflect.Value) bool {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.String}, v.Kind()) && v.Len() == 0
}

// hasFields tells whether values of a type contain fields of the provider's types.
func hasFields(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		return hasFields(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if _, ok := t.Field(i).Tag.Lookup("pulumi"); ok {
				return true
			}
		}
	}
	return false
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }
