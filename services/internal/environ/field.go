package environ

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is what the tags of a configuration's field say of its variable: all that is checked without looking at other fields.
type Field struct {
	Name     string // of the field
	Variable string // env: where its value comes from
	Default  string // envDefault: its value where the variable is not set
	Limits   string // limits: "1 to 16", or "0 or 1h to 24h"; numbers and durations alone
	Required bool   // required:"true"
	Client   bool   // client:"true": the commands that a person runs read it, too
}

// Fields are the fields of T in their order.
func Fields[T any]() []Field {
	var fields []Field
	for field := range reflect.TypeFor[T]().Fields() {
		fields = append(fields, Field{
			Name: field.Name, Variable: field.Tag.Get("env"), Default: field.Tag.Get("envDefault"), Limits: field.Tag.Get("limits"),
			Required: field.Tag.Get("required") == "true", Client: field.Tag.Get("client") == "true",
		})
	}
	return fields
}

// Keys returns the environment variables that the fields of T are read from, sorted.
func Keys[T any]() []string {
	var keys []string
	for _, field := range Fields[T]() {
		keys = append(keys, field.Variable)
	}
	slices.Sort(keys)
	return keys
}

// defaults are the variables of T with their defaults.
func defaults[T any]() map[string]string {
	keys := map[string]string{}
	for _, field := range Fields[T]() {
		keys[field.Variable] = field.Default
	}
	return keys
}

func (f Field) check(c *Check, value reflect.Value) {
	c.That(!f.Required || !value.IsZero(), "%s: required", f.Variable)
	if f.Limits == "" {
		return
	}
	number := number(value)
	within := false
	for choice := range strings.SplitSeq(f.Limits, " or ") {
		low, high, ranged := strings.Cut(choice, " to ")
		if !ranged {
			high = low
		}
		within = within || f.bound(low) <= number && number <= f.bound(high)
	}
	c.That(within, "%s: want %s, got %v", f.Variable, f.Limits, value.Interface())
}

func number(value reflect.Value) float64 {
	if value.CanInt() { // a duration, too
		return float64(value.Int())
	}
	return value.Float()
}

// bound reads one end of the limits. A tag is a part of the program, so what cannot be read is the program's mistake.
func (f Field) bound(text string) float64 {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(fmt.Sprintf("the limits of %s: %v", f.Name, err))
	}
	return float64(d)
}
