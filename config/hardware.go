package config

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// unfit are instance types that cannot run the backend. Every name in types is a family, or a size of any family after "*.".
var unfit = []struct{ types, reason, source string }{
	{
		"a1", "Amazon Linux 2023 starts on Graviton2 and later, and this is the first Graviton",
		"AL2023 User Guide, \"AL2023 system requirements\"",
	},
	{
		"c1 cc1 cc2 cg1 cg2 cr1 cs1 g1 g2 hi1 hs1 m1 m2 m3 t1", "a Network Load Balancer, API Gateway's way in, takes no such instances",
		"Elastic Load Balancing API Reference, \"RegisterTargets\"",
	},
	{
		"*.nano", "0.5 GiB of memory do not hold docker, the agents of AWS and the backend, nor what dnf needs to install them",
		"Amazon EC2 Instance Types Guide, \"General purpose instances\"",
	},
}

// unfitClasses are families of database classes on which RDS runs no PostgreSQL that database.engineVersion offers (Amazon RDS User
// Guide, "DB instance class types" and "Supported DB engines for DB instance classes"). For PostgreSQL, Performance Insights, enhanced
// monitoring and log exports depend on no class that is left ("Amazon RDS DB engine, Region, and instance class support for
// Performance Insights").
var unfitClasses = []struct{ families, reason string }{
	{"m1 m2 t1", "RDS offers it no more"},
	{"m3 m4 r3 r4 t2", "RDS runs PostgreSQL up to 12 on it"},
	{"x1 x1e x2iezn z1d", "RDS runs no PostgreSQL on it"},
}

// fitClasses are those on which it does. Others may be newer than this program.
const fitClasses = "t3 t4g m5 m5d m6g m6gd m6i m6id m6idn m6in m7g m7gd m7i m8g m8gd m8i " +
	"r5 r5b r5d r6g r6gd r6i r6id r6idn r6in r7g r7gd r7i r8g r8gd r8i x2g x2idn x2iedn x8g"

//go:generate go run ./gen ec2-types.txt

//go:embed ec2-types.txt
var ec2TypesText string

// ec2Types are the sizes of each family of instances.
var ec2Types = sync.OnceValue(func() map[string][]string {
	types := map[string][]string{}
	for line := range strings.Lines(ec2TypesText) {
		fields := strings.Fields(line)
		types[fields[0]] = fields[1:]
	}
	return types
})

// unfitType says why an instance type cannot run the backend; "" where nothing is known against it.
func unfitType(instanceType string) string {
	family, size, _ := strings.Cut(instanceType, ".")
	for _, u := range unfit {
		if types := strings.Fields(u.types); slices.Contains(types, family) || slices.Contains(types, "*."+size) {
			return u.reason + " (" + u.source + ")"
		}
	}
	return ""
}

// unfitClass says why RDS cannot run the database on a class; "" where nothing is known against it.
func unfitClass(class string) string {
	for _, u := range unfitClasses {
		if slices.Contains(strings.Fields(u.families), dbFamily(class)) {
			return u.reason
		}
	}
	return ""
}

func dbFamily(class string) string {
	family, _, _ := strings.Cut(strings.TrimPrefix(class, "db."), ".")
	return family
}

// unknownHardware warns of types and classes that are not known here: newer ones are possible, and so are slips of the pen.
func (c Config) unknownHardware() (warnings []string) {
	family, size, _ := strings.Cut(c.Compute.InstanceType, ".")
	warn := func(key, value, name string, known []string) {
		text := fmt.Sprintf("%s is %s, which this program does not know, and AWS may refuse", key, value)
		if near := closest(name, known); near != "" {
			text += fmt.Sprintf("; did you mean %s?", strings.Replace(value, name, near, 1))
		}
		warnings = append(warnings, text)
	}
	switch sizes, known := ec2Types()[family]; {
	case !known:
		warn("compute.instanceType", c.Compute.InstanceType, family, slices.Sorted(maps.Keys(ec2Types())))
	case !slices.Contains(sizes, size):
		warn("compute.instanceType", c.Compute.InstanceType, size, sizes)
	}
	if families := strings.Fields(fitClasses); !slices.Contains(families, dbFamily(c.Database.InstanceClass)) {
		warn("database.instanceClass", c.Database.InstanceClass, dbFamily(c.Database.InstanceClass), families)
	}
	return warnings
}
