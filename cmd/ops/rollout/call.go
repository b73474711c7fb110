package rollout

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode"
)

// call is one that changes something, as the AWS CLI takes it.
type call struct {
	service, operation string
	input              any // a pointer to the SDK's input
}

// String is the command of the AWS CLI: whoever copies it does what ops would.
func (c call) String() string {
	out := "aws " + c.service + " " + c.operation
	value := reflect.ValueOf(c.input).Elem()
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if v := value.Field(i); field.IsExported() && !v.IsZero() {
			out += " --" + kebab(field.Name) + " " + shell(v)
		}
	}
	return out
}

// kebab is an input's name as an option: AutoScalingGroupName is auto-scaling-group-name.
func kebab(name string) string {
	var out strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			out.WriteByte('-')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// shell is a value as an argument: texts and numbers as they are, all else as JSON.
func shell(v reflect.Value) string {
	for v.Kind() == reflect.Pointer {
		if v.Elem().Kind() == reflect.Struct {
			break
		}
		v = v.Elem()
	}
	text := ""
	if v.Kind() == reflect.String {
		text = v.String()
	} else {
		raw, err := json.Marshal(withoutNothing(v))
		if err != nil {
			panic(err) // the SDK's inputs have no values that JSON lacks
		}
		text = string(raw)
	}
	if strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:@", r)
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// withoutNothing is a value of the SDK without fields that are not set.
func withoutNothing(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return withoutNothing(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && !v.Field(i).IsZero() {
				out[field.Name] = withoutNothing(v.Field(i))
			}
		}
		return out
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, withoutNothing(v.Index(i)))
		}
		return out
	}
	return v.Interface()
}

// change makes a call, or prints it with -dry-run.
func (s *session) change(c call, do func() error) error {
	if s.dryRun {
		s.say.Line("would run: %s", c)
		return nil
	}
	s.say.Line("%s", c)
	return do()
}
