package compute

import (
	"fmt"
	"regexp"
	"strings"
)

// The two processor architectures, as ECR, EC2 and the image build name them.
const (
	ARM64  = "arm64"
	X86_64 = "x86_64"
)

// An instance type is family letters, a generation, attribute letters, an optional variant, and a size: m7g.large,
// is4gen.xlarge, u7i-12tb.224xlarge, and the first of high memory, u-12tb1.112xlarge.
var instanceTypePattern = regexp.MustCompile(`^([a-z]+)([0-9]+|-[0-9]+tb1)([a-z]*)(-[a-z0-9]+)?\.([a-z0-9-]+)$`)

// Architecture derives the processor architecture from an instance type: a "g" among the attributes after the generation
// is Graviton (m7g, c6gn, is4gen), a1 was its first generation, everything else is x86_64. Types that cannot run the
// backend's Linux image are refused.
func Architecture(instanceType string) (string, error) {
	parts := instanceTypePattern.FindStringSubmatch(instanceType)
	if parts == nil {
		return "", fmt.Errorf("instance type %q: want family and size, e.g. m7g.large", instanceType)
	}
	family, attributes, variant := parts[1], parts[3], parts[4]
	switch {
	case family == "mac":
		return "", fmt.Errorf("instance type %q runs macOS, not Linux", instanceType)
	case strings.HasPrefix(variant, "-gb"):
		return "", fmt.Errorf("instance type %q is not supported", instanceType)
	case family == "a", strings.Contains(attributes, "g"):
		return ARM64, nil
	default:
		return X86_64, nil
	}
}
