package promote

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// architectures are the names of an image's platform by those of EC2.
var architectures = map[string]string{"arm64": "linux/arm64", "x86_64": "linux/amd64"}

// architecture is the platform that the second stack's next update runs, instances and tasks alike: that of the configured instance type,
// or, if the default is used, that of the machine image that the stack runs.
func (s *session) architecture(ctx context.Context) (string, error) {
	if instance := s.goal.Config("compute", "instanceType"); instance != "" {
		found, err := ec2.NewFromConfig(s.goalAWS.Config).DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{
			InstanceTypes: []types.InstanceType{types.InstanceType(instance)},
		})
		if err != nil {
			return "", fmt.Errorf("the processor of compute.instanceType: %w", err)
		}
		for _, t := range found.InstanceTypes {
			if t.ProcessorInfo == nil {
				continue
			}
			for _, a := range t.ProcessorInfo.SupportedArchitectures {
				if platform, ok := architectures[string(a)]; ok {
					return platform, nil
				}
			}
		}
		return "", fmt.Errorf("EC2 does not say which processor %s has", instance)
	}
	machine, err := s.goal.Output("machineImage")
	if err != nil {
		return "", err
	}
	for suffix, platform := range architectures {
		if strings.HasSuffix(machine, "-"+suffix) {
			return platform, nil
		}
	}
	return "", fmt.Errorf("the output machineImage of %s is %s: want a name that ends in -arm64 or -x86_64", s.goal.Name, machine)
}

// platformsOf lists the platforms of an image. BuildKit's attestations, of platform unknown/unknown, are copied too and not listed.
func platformsOf(source *remote.Descriptor) ([]string, error) {
	var out []string
	if !source.MediaType.IsIndex() {
		image, err := source.Image()
		if err != nil {
			return nil, err
		}
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		return []string{config.OS + "/" + config.Architecture}, nil
	}
	index, err := source.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if p := m.Platform; p != nil && p.OS != "unknown" {
			out = append(out, p.OS+"/"+p.Architecture)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
