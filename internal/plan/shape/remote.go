package shape

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Child is a resource that a remote component (one that another process implements) registers below itself.
type Child struct {
	Type, Name string
	Inputs     resource.PropertyMap
	// Output is the component's output that refers to the child, or "".
	Output string
}

// The remote components and the children that matter here.
const (
	RemoteRepository = "awsx:ecr:Repository"
	RemoteImage      = "awsx:ecr:Image"
	repositoryType   = "aws:ecr/repository:Repository"
	lifecycleType    = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
	imageType        = "docker-build:index:Image"
)

// Remote returns the children of a remote component and its outputs, references to children left out. Nil children and
// outputs mean that the component is not known.
func Remote(env Env, typ, name string, inputs resource.PropertyMap) ([]Child, resource.PropertyMap) {
	switch typ {
	case RemoteRepository:
		repository := resource.PropertyMap{"name": text(strings.ToLower(physicalName(typ, name, inputs)))}
		for key, value := range inputs {
			if key != "lifecyclePolicy" && key != "name" {
				repository[key] = value
			}
		}
		_, outputs := Outputs(env, repositoryType, name, repository)
		lifecycle := resource.PropertyMap{"repository": repository["name"]}
		if rules, ok := inputs["lifecyclePolicy"]; ok {
			lifecycle["policy"] = rules
		}
		return []Child{
			{Type: repositoryType, Name: name, Inputs: repository, Output: "repository"},
			{Type: lifecycleType, Name: name, Inputs: lifecycle, Output: "lifecyclePolicy"},
		}, resource.PropertyMap{"url": outputs["repositoryUrl"]}
	case RemoteImage:
		url, _ := stringOf(inputs["repositoryUrl"])
		digest := "sha256:" + Digits(typ+"::"+name, 64)
		image := resource.PropertyMap{"push": resource.NewProperty(true)}
		for _, key := range []resource.PropertyKey{"context", "dockerfile", "platform", "target"} {
			if value, ok := inputs[key]; ok {
				image[key] = value
			}
		}
		return []Child{{Type: imageType, Name: name, Inputs: image}},
			resource.PropertyMap{"imageUri": text(url + "@" + digest)}
	}
	return nil, nil
}
