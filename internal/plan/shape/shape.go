// Package shape replaces AWS: it makes up the ids and outputs that a resource would have, and the results of provider functions.
// All values are derived from names, so the same program always gets the same values, and a value shows to which resource it
// belongs.
package shape

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

//go:generate go run ./gen outputs.txt

//go:embed outputs.txt
var outputsText string

// Env is the account of the made-up resources.
type Env struct {
	Project, Stack, Region, AccountID, Partition, DNSSuffix string
	// Changed holds resources, by type::name, that an update has changed: their outputs that AWS decides get new values.
	Changed map[string]Change
}

// Change says how an update changed a resource. The zero value changes none of its outputs.
type Change int

// An update changes almost no outputs; a replacement changes all outputs that AWS decides.
const (
	Updated Change = iota + 1
	Replaced
)

// NewEnv returns an account in the standard partition; an empty region means eu-central-1.
func NewEnv(project, stack, region string) Env {
	e := Env{Project: project, Stack: stack, Region: region, AccountID: "123456789012", Partition: "aws", DNSSuffix: "amazonaws.com"}
	switch {
	case region == "":
		e.Region = "eu-central-1"
	case strings.HasPrefix(region, "cn-"):
		e.Partition, e.DNSSuffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(region, "us-gov-"):
		e.Partition = "aws-us-gov"
	}
	return e
}

// arn returns an ARN in the account and region.
func (e Env) arn(service, rest string) string {
	return "arn:" + e.Partition + ":" + service + ":" + e.Region + ":" + e.AccountID + ":" + rest
}

type property struct{ name, kind string }

// always holds the outputs of each type that are never null (outputs.txt).
var always = sync.OnceValue(func() map[string][]property {
	table := map[string][]property{}
	for line := range strings.Lines(outputsText) {
		fields := strings.Fields(line)
		for _, f := range fields[1:] {
			name, kind, _ := strings.Cut(f, ":")
			table[fields[0]] = append(table[fields[0]], property{name, kind})
		}
	}
	return table
})

// Outputs returns the id and the outputs of a resource: its inputs, and a value that is not empty for every property that AWS
// computes. A type that is not in the tables gets an id and, if it is an AWS resource, an ARN.
func Outputs(env Env, typ, name string, inputs resource.PropertyMap) (string, resource.PropertyMap) {
	r := subject{Env: env, typ: typ, name: physicalName(typ, name, inputs), inputs: inputs, change: env.Changed[typ+"::"+name]}
	if r.change == Replaced {
		r.salt = "-anew"
		if physicalName(typ, "", inputs) == "" { // the replacement's automatic name has other random digits
			r.name += r.salt
		}
	}
	out := resource.PropertyMap{}
	for key, value := range specific(r) {
		out[resource.PropertyKey(key)] = value
	}
	for key, value := range inputs {
		if !value.IsNull() {
			out[key] = value
		}
	}
	for _, p := range always()[typ] {
		if _, ok := out[resource.PropertyKey(p.name)]; !ok {
			out[resource.PropertyKey(p.name)] = r.generic(p)
		}
	}
	if strings.HasPrefix(typ, "aws:") && len(always()[typ]) == 0 {
		if _, ok := out["arn"]; !ok {
			out["arn"] = text(r.arnOfType())
		}
	}
	return r.id(out), out
}

// subject is the resource whose outputs are made up.
type subject struct {
	Env
	typ, name string
	inputs    resource.PropertyMap
	change    Change
	salt      string // makes the values of a replacement differ from the replaced resource's
}

// physicalName returns the name in AWS: the one that the program sets, otherwise the logical name.
func physicalName(typ, logical string, inputs resource.PropertyMap) string {
	property := resource.PropertyKey("name")
	switch {
	case typ == "aws:rds/instance:Instance":
		property = "identifier"
	case typ == "aws:ecs/taskDefinition:TaskDefinition":
		property = "family"
	case strings.HasPrefix(typ, "aws:s3/bucket"): // also the types that configure a bucket
		property = "bucket"
	}
	if s, ok := stringOf(inputs[property]); ok && s != "" {
		return s
	}
	return logical
}

// input returns a text input, or "" if it is absent or unknown.
func (r subject) input(key string) string {
	s, _ := stringOf(r.inputs[resource.PropertyKey(key)])
	return s
}

func stringOf(v resource.PropertyValue) (string, bool) {
	for v.IsSecret() {
		v = v.SecretValue().Element
	}
	if v.IsOutput() {
		v = v.OutputValue().Element
	}
	if v.IsString() {
		return v.StringValue(), true
	}
	return "", false
}

func text(s string) resource.PropertyValue { return resource.NewProperty(s) }

// digits returns n hexadecimal digits that depend on the type and name, and on whether the resource was replaced.
func (r subject) digits(n int) string { return Digits(r.typ+"::"+r.name+r.salt, n) }

// Versioned tells whether every update of the type changes an output: its version number.
func Versioned(typ string) bool { return typ == "aws:ec2/launchTemplate:LaunchTemplate" }

// version is the version number, which a change increments.
func (r subject) version() int {
	if r.change == Replaced || r.change == Updated && Versioned(r.typ) {
		return 2
	}
	return 1
}

// Digits returns n (at most 64) hexadecimal digits that depend on the seed alone.
func Digits(seed string, n int) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:])[:n]
}

// generic makes up a value for a property without a rule.
func (r subject) generic(p property) resource.PropertyValue {
	switch p.kind {
	case "Int":
		return resource.NewProperty(1.0)
	case "Bool":
		return resource.NewProperty(false)
	case "StringArray":
		return resource.NewProperty([]resource.PropertyValue{text(r.name + "-" + p.name)})
	case "StringMap":
		if tags, ok := r.inputs["tags"]; ok && p.name == "tagsAll" {
			return tags
		}
		return resource.NewProperty(resource.PropertyMap{})
	}
	switch {
	case p.name == "arn":
		return text(r.arnOfType())
	case p.name == "name" || p.name == "identifier" || p.name == "bucket":
		return text(r.name)
	case p.name == "region":
		return text(r.Region)
	case p.name == "ownerId" || p.name == "accountId" || p.name == "registryId":
		return text(r.AccountID)
	case strings.HasSuffix(p.name, "Arn"):
		return text(r.arn(service(r.typ), p.name+"/"+r.name))
	}
	return text(r.name + "-" + p.name)
}

// service returns the module of a type token, e.g. "ec2" of aws:ec2/vpc:Vpc.
func service(typ string) string {
	_, rest, _ := strings.Cut(typ, ":")
	module, _, _ := strings.Cut(rest, "/")
	return module
}

// kind returns the short name of a type token, e.g. "vpc" of aws:ec2/vpc:Vpc.
func kind(typ string) string {
	rest := typ[strings.LastIndex(typ, ":")+1:]
	return strings.ToLower(rest[:1]) + rest[1:]
}

func (r subject) arnOfType() string {
	if rule, ok := arns[r.typ]; ok {
		// A rule that uses an input returns no ARN if the input is missing.
		if arn := rule(r); strings.HasPrefix(arn, "arn:") {
			return arn
		}
	}
	return r.arn(service(r.typ), kind(r.typ)+"/"+r.name)
}

// id returns the resource's id: a prefix and the name, the name, or one of its outputs.
func (r subject) id(out resource.PropertyMap) string {
	rule, ok := ids[r.typ]
	switch {
	case !ok:
		return r.name
	case rule == "=arn": // some types have an ARN as their id and no output for it
		return r.arnOfType()
	case strings.HasPrefix(rule, "="):
		if s, ok := stringOf(out[resource.PropertyKey(rule[1:])]); ok {
			return s
		}
		panic(fmt.Sprintf("shape: %s has no output %s for its id", r.typ, rule[1:]))
	}
	if !strings.HasSuffix(r.name, r.salt) {
		return rule + r.name + r.salt // the program sets the name, so only the id changes
	}
	return rule + r.name
}
