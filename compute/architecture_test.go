package compute

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArchitecture(t *testing.T) {
	for instanceType, want := range map[string]string{
		"t4g.small": ARM64, "m7g.large": ARM64, "c6gn.16xlarge": ARM64, "m7gd.metal": ARM64, "is4gen.xlarge": ARM64,
		"x2gd.medium": ARM64, "a1.medium": ARM64, "g5g.xlarge": ARM64, "c8gb.48xlarge": ARM64, "i8ge.large": ARM64,
		"t3.micro": X86_64, "t3a.small": X86_64, "m7i-flex.large": X86_64, "g4dn.xlarge": X86_64, "g5.xlarge": X86_64,
		"m5zn.metal": X86_64, "u7i-12tb.224xlarge": X86_64, "u-6tb1.56xlarge": X86_64, "x2iedn.large": X86_64, "m6i.metal-16xl": X86_64,
	} {
		got, err := Architecture(instanceType)
		require.NoError(t, err, instanceType)
		require.Equal(t, want, got, instanceType)
	}
	for _, instanceType := range []string{"", "m7g", "m7g.", ".large", "large", "M7G.large", "m7g large", "mac2.metal", "p6e-gb200.36xlarge"} {
		_, err := Architecture(instanceType)
		require.Error(t, err, instanceType)
	}
}
