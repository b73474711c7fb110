package component

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Check collects the problems of a tier's Args, so that one error names all of them.
type Check struct {
	args     string
	problems []error
}

// NewCheck begins a check; args is the name of the Args in errors, e.g. "network.Args".
func NewCheck(args string) *Check { return &Check{args: args} }

// That reports a field unless ok is true: "network.Args.Field: want …, got …".
func (c *Check) That(ok bool, field, want string, got any) {
	if ok {
		return
	}
	if text, isText := got.(string); isText {
		got = fmt.Sprintf("%q", text)
	}
	c.problems = append(c.problems, fmt.Errorf("%s.%s: want %s, got %v", c.args, field, want, got))
}

// NoError reports a field if err, the result of a function that checked it, is not nil.
func (c *Check) NoError(field string, err error) {
	if err != nil {
		c.problems = append(c.problems, fmt.Errorf("%s.%s: %w", c.args, field, err))
	}
}

// AtLeast reports a number that is less than least.
func (c *Check) AtLeast(field string, least, got int) {
	c.That(got >= least, field, fmt.Sprintf("at least %d", least), got)
}

// Between reports a number outside low..high.
func (c *Check) Between(field string, low, high, got int) {
	c.That(low <= got && got <= high, field, fmt.Sprintf("%d..%d", low, high), got)
}

// Sizes reports numbers of instances or tasks unless 1 <= least <= desired <= most.
func (c *Check) Sizes(fields string, least, desired, most int) {
	c.That(1 <= least && least <= desired && desired <= most, fields, "1 <= min <= desired <= max", []int{least, desired, most})
}

// Named reports an empty text.
func (c *Check) Named(field, got string) { c.That(got != "", field, "a name", got) }

// NeededWhen lists the fields that may be nil, and for each whether these Args need it.
type NeededWhen map[string]bool

// Inputs reports every field of args that is a Pulumi input and nil. args is the struct named in NewCheck. A name in optional
// that is not a field of it is a mistake in the program: Inputs panics.
func (c *Check) Inputs(args any, optional NeededWhen) {
	v := reflect.ValueOf(args)
	for name := range optional {
		if _, ok := v.Type().FieldByName(name); !ok {
			panic(fmt.Sprintf("%s has no field %s", c.args, name))
		}
	}
	input := reflect.TypeFor[pulumi.Input]()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Type.Kind() != reflect.Interface || !field.Type.Implements(input) || !v.Field(i).IsNil() {
			continue
		}
		if needed, ok := optional[field.Name]; !ok || needed {
			c.problems = append(c.problems, fmt.Errorf("%s.%s: want a value, got nil", c.args, field.Name))
		}
	}
}

// Err returns all problems as one error, or nil.
func (c *Check) Err() error { return errors.Join(c.problems...) }
