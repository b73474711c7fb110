package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// override sets values like `pulumi config set --path`, elements of a list in the order of their indexes.
func override(project *workspace.Project, values config.Map, overrides map[string]string) error {
	paths := map[string]resource.PropertyPath{}
	for name := range overrides {
		path, err := resource.ParsePropertyPathStrict(name)
		if err == nil && len(path) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			return fmt.Errorf("setting %s: want a path such as compute.maxSize, aws:region or 'stack.tags[\"a:b\"]': %w", name, err)
		}
		paths[name] = path
	}
	inOrder := func(a, b string) int { return comparePaths(paths[a], paths[b]) }
	for _, name := range slices.SortedFunc(maps.Keys(overrides), inOrder) {
		key, err := pathKey(project, name, paths[name])
		if err == nil {
			err = values.Set(key, overrideValue(project, key, overrides[name]), true)
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// overrideValue keeps values of providers' keys as strings (`pulumi config set --type string`): an account number would lose its
// leading zeros. In the project's own keys the CLI converts numbers and booleans.
func overrideValue(project *workspace.Project, key config.Key, text string) config.Value {
	if key.Namespace() != string(project.Name) {
		return config.NewTypedValue(text, config.TypeString)
	}
	return config.NewValue(text)
}

// pathKey returns the key of a path. A colon separates the namespace only in the first name of the path.
func pathKey(project *workspace.Project, name string, path resource.PropertyPath) (config.Key, error) {
	first, ok := path[0].(string)
	if !ok {
		return config.Key{}, fmt.Errorf("want the name of a key first, got [%v]", path[0])
	}
	if strings.HasPrefix(name, "[") {
		return config.Key{}, errors.New("want the name of a key first, without brackets")
	}
	namespace, bare, namespaced := strings.Cut(first, ":")
	if !namespaced {
		namespace, bare = string(project.Name), first
	}
	if _, err := config.ParseKey(namespace + ":" + bare); err != nil {
		return config.Key{}, err
	}
	return config.MustMakeKey(namespace, bare+strings.TrimPrefix(name, first)), nil
}

func comparePaths(a, b resource.PropertyPath) int {
	for i := range min(len(a), len(b)) {
		left, leftIsNumber := a[i].(int)
		right, rightIsNumber := b[i].(int)
		order := strings.Compare(fmt.Sprint(a[i]), fmt.Sprint(b[i]))
		if leftIsNumber && rightIsNumber {
			order = cmp.Compare(left, right)
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}
