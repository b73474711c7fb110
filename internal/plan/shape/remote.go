package shape

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Child is a resource that a remote component (one that another process implements) registers below itself.
type Child struct {
	Type, Name string
	Inputs     resource.PropertyMap
	// Output is the component's output that refers to the child, or "".
	Output string
}

// The types of the known remote components and of their children.
const (
	RemoteRepository = "awsx:ecr:Repository"
	RemoteImage      = "awsx:ecr:Image"
	repositoryType   = "aws:ecr/repository:Repository"
	lifecycleType    = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
	imageType        = "docker-build:index:Image"
)

// Remote returns the children of a remote component, and its outputs without the references to children. Both are nil for an
// unknown component.
func Remote(env Env, typ, name string, inputs resource.PropertyMap) ([]Child, resource.PropertyMap) {
	switch typ {
	case RemoteRepository:
		return remoteRepository(env, name, inputs)
	case RemoteImage:
		return remoteImage(name, inputs)
	}
	return nil, nil
}

func remoteRepository(env Env, name string, inputs resource.PropertyMap) ([]Child, resource.PropertyMap) {
	repository := resource.PropertyMap{"name": text(strings.ToLower(physicalName(RemoteRepository, name, inputs)))}
	for key, value := range inputs {
		if key != "lifecyclePolicy" && key != "name" {
			repository[key] = value
		}
	}
	_, outputs := Outputs(env, repositoryType, name, repository)
	children := []Child{{Type: repositoryType, Name: name, Inputs: repository, Output: "repository"}}
	if policy, ok := lifecyclePolicy(inputs["lifecyclePolicy"]); ok {
		children = append(children, Child{Type: lifecycleType, Name: name, Output: "lifecyclePolicy",
			Inputs: resource.PropertyMap{"repository": repository["name"], "policy": policy}})
	}
	return children, resource.PropertyMap{"url": outputs["repositoryUrl"]}
}

// lifecyclePolicy converts awsx's rules to ECR's document ("Lifecycle policy properties in Amazon ECR"), and tells whether there
// is a policy. Without rules awsx keeps one untagged image.
func lifecyclePolicy(policy resource.PropertyValue) (resource.PropertyValue, bool) {
	if policy.ContainsUnknowns() {
		return resource.MakeComputed(text("")), true
	}
	given, _ := Value(policy, RevealSecrets).(map[string]any)
	if given["skip"] == true {
		return resource.PropertyValue{}, false
	}
	rules, ok := given["rules"].([]any)
	if !ok {
		rules = []any{map[string]any{"tagStatus": "untagged", "maximumNumberOfImages": 1, "description": "remove untagged images"}}
	}
	// awsx moves the rule for any image to the end.
	ordered := slices.Clone(rules)
	slices.SortStableFunc(ordered, func(a, b any) int { return matchesAny(a) - matchesAny(b) })
	translated := make([]any, len(ordered))
	for i, rule := range ordered {
		translated[i] = lifecycleRule(i+1, rule.(map[string]any))
	}
	document, err := json.Marshal(map[string]any{"rules": translated})
	if err != nil {
		panic(fmt.Sprintf("shape: %v", err))
	}
	return text(string(document)), true
}

func matchesAny(rule any) int {
	if status, _ := graph.Lookup(rule, "tagStatus"); status == "any" {
		return 1
	}
	return 0
}

func lifecycleRule(priority int, rule map[string]any) map[string]any {
	selection := map[string]any{"tagStatus": rule["tagStatus"]}
	if prefixes, ok := rule["tagPrefixList"]; ok {
		selection["tagStatus"], selection["tagPrefixList"] = "tagged", prefixes
	}
	if count, ok := rule["maximumNumberOfImages"]; ok {
		selection["countType"], selection["countNumber"] = "imageCountMoreThan", count
	} else {
		selection["countType"], selection["countNumber"], selection["countUnit"] = "sinceImagePushed", rule["maximumAgeLimit"], "days"
	}
	translated := map[string]any{"rulePriority": priority, "selection": selection, "action": map[string]any{"type": "expire"}}
	if description, ok := rule["description"]; ok {
		translated["description"] = description
	}
	return translated
}

func remoteImage(name string, inputs resource.PropertyMap) ([]Child, resource.PropertyMap) {
	image := resource.PropertyMap{"push": resource.NewProperty(true)}
	for _, key := range []resource.PropertyKey{"context", "dockerfile"} {
		if value, ok := inputs[key]; ok {
			image[key] = resource.NewProperty(resource.PropertyMap{"location": value})
		}
	}
	if platform, ok := inputs["platform"]; ok {
		image["platforms"] = resource.NewProperty([]resource.PropertyValue{platform})
	}
	if target, ok := inputs["target"]; ok {
		image["target"] = target
	}
	url, _ := stringOf(inputs["repositoryUrl"])
	return []Child{{Type: imageType, Name: name, Inputs: image}},
		resource.PropertyMap{"imageUri": text(url + "@sha256:" + Digits(RemoteImage+"::"+name, 64))}
}
