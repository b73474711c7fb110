package complete

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Source reads a type's properties from the Go source of a provider's SDK as text. Compiling these packages would take too
// long, which is why some resources are registered by their token.
type Source struct {
	Dir   string // of the packages, such as .../sdk/v6/go/aws
	texts map[string]string
}

var (
	token    = regexp.MustCompile(`^[a-z]+:(\w+)/(\w+):(\w+)$`)
	property = regexp.MustCompile("(?m)^\\t\\w+\\s+(\\S+)\\s+`pulumi:\"(\\w+)\"`")
)

// Check returns the problems of the inputs of a resource that is registered by its token: unknown properties, missing required
// ones, and values of a wrong type.
func (s *Source) Check(tok string, inputs pulumi.Map) ([]string, error) {
	parts := token.FindStringSubmatch(tok)
	if parts == nil {
		return nil, fmt.Errorf("%s is not the token of a resource", tok)
	}
	text, err := s.text(parts[1])
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, fmt.Sprintf("ctx.RegisterResource(%q", tok)) {
		return nil, fmt.Errorf("the provider has no %s", tok)
	}
	c := &checker{text: text}
	err = c.object("", strings.ToLower(parts[3][:1])+parts[3][1:]+"Args", reflect.ValueOf(inputs))
	return c.problems, err
}

// text returns the source of one package.
func (s *Source) text(name string) (string, error) {
	if text, ok := s.texts[name]; ok {
		return text, nil
	}
	files, err := filepath.Glob(filepath.Join(s.Dir, name, "*.go"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("no source of the package %s in %s", name, s.Dir)
	}
	var text strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text.Write(content)
	}
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	s.texts[name] = text.String()
	return text.String(), nil
}

type checker struct {
	text     string
	problems []string
}

func (c *checker) report(format string, values ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, values...))
}

// properties returns the properties of a plain type, with their Go types.
func (c *checker) properties(name string) (map[string]string, error) {
	_, body, ok := strings.Cut(c.text, "\ntype "+name+" struct {")
	if !ok {
		return nil, fmt.Errorf("the provider has no type %s", name)
	}
	body, _, _ = strings.Cut(body, "\n}")
	found := map[string]string{}
	for _, match := range property.FindAllStringSubmatch(body, -1) {
		found[match[2]] = match[1]
	}
	return found, nil
}

func (c *checker) object(path, name string, v reflect.Value) error {
	known, err := c.properties(name)
	if err != nil {
		return err
	}
	given := map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		given[key.String()] = v.MapIndex(key)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		kind, ok := known[key]
		if !ok {
			c.report("%s: %s has no such property; it has %s", join(path, key), name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			continue
		}
		if err := c.value(join(path, key), kind, given[key]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		_, ok := given[key]
		if !ok && !strings.HasPrefix(known[key], "*") && !strings.HasPrefix(known[key], "[]") && !strings.HasPrefix(known[key], "map[") {
			c.report("%s: missing in %s", join(path, key), name)
		}
	}
	return nil
}

var plainKinds = map[string]reflect.Kind{"string": reflect.String, "int": reflect.Int, "bool": reflect.Bool, "float64": reflect.Float64}

// value compares a value with the Go type of its property.
func (c *checker) value(path, kind string, v reflect.Value) error {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			c.report("%s: nil", path)
			return nil
		}
		v = v.Elem()
	}
	t := v.Type()
	output, later := v.Interface().(pulumi.Output)
	if later {
		t = output.ElementType()
	}
	kind = strings.TrimPrefix(kind, "*")
	element, isList := strings.CutPrefix(kind, "[]")
	_, isMap := strings.CutPrefix(kind, "map[string]")
	want, isPlain := plainKinds[kind]
	switch {
	case isPlain:
		if t.Kind() != want {
			c.report("%s: want %s, got %s", path, kind, t)
		}
	case isList && t.Kind() == reflect.Slice && !later:
		for i := range v.Len() {
			if err := c.value(fmt.Sprintf("%s[%d]", path, i), element, v.Index(i)); err != nil {
				return err
			}
		}
	case isList && t.Kind() == reflect.Slice:
		if want, ok := plainKinds[element]; !ok || t.Elem().Kind() != want {
			c.report("%s: want %s, got an output of %s", path, kind, t)
		}
	case isMap && t.Kind() == reflect.Map:
	case isList || isMap || t.Kind() != reflect.Map || later:
		c.report("%s: want %s, got %s", path, kind, t)
	default:
		return c.object(path, kind, v)
	}
	return nil
}
