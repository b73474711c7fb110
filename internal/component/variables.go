package component

import (
	"fmt"
	"maps"
	"slices"

	"scalable-backend/internal/container"
)

// Variables checks the variables that an owner gives a program, in Program.Environment and Program.Secrets of Args. plain and secret
// judge the names of each.
func (c *Check) Variables(environment, secrets map[string]string, plain, secret func(name string) error) {
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		field := fmt.Sprintf("Program.Environment[%q]", name)
		c.NoError(field, plain(name))
		c.NoError(field, container.ValidateValue(environment[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		field := fmt.Sprintf("Program.Secrets[%q]", name)
		c.NoError(field, secret(name))
		_, err := container.ParseSecret(secrets[name])
		c.NoError(field, err)
		_, twice := environment[name]
		c.That(!twice, field, "a name that is not in Environment", name)
	}
}
