package fargate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole table of the Amazon ECS Developer Guide, "Task CPU and memory" of Fargate, in GiB.
func TestMemorySizes(t *testing.T) {
	for cpu, want := range map[int]struct{ from, to, step int }{
		512: {1, 4, 1}, 1024: {2, 8, 1}, 2048: {4, 16, 1}, 4096: {8, 30, 1}, 8192: {16, 60, 4}, 16384: {32, 120, 8},
	} {
		var sizes []int
		for gib := want.from; gib <= want.to; gib += want.step {
			sizes = append(sizes, 1024*gib)
		}
		require.Equal(t, sizes, MemorySizes(cpu), cpu)
	}
	require.Equal(t, []int{512, 1024, 2048}, MemorySizes(256))
	require.Nil(t, MemorySizes(128))
}

func TestValidateSize(t *testing.T) {
	for _, pair := range [][2]int{
		{256, 512}, {256, 2048}, {512, 1024}, {512, 4096}, {1024, 2048}, {1024, 8192}, {2048, 4096}, {2048, 16384},
		{4096, 8192}, {4096, 30720}, {8192, 16384}, {8192, 61440}, {16384, 32768}, {16384, 122880},
	} {
		require.NoError(t, ValidateSize(pair[0], pair[1]), pair)
	}
	for pair, want := range map[[2]int]string{
		{256, 4096}:    "memory: with cpu 256 want 512, 1024, 2048 MiB, got 4096",
		{1024, 1024}:   "memory: with cpu 1024 want 2048 to 8192 MiB in steps of 1024, got 1024",
		{512, 2049}:    "memory: with cpu 512 want 1024 to 4096 MiB in steps of 1024, got 2049",
		{8192, 18432}:  "in steps of 4096",
		{16384, 36864}: "in steps of 8192",
		{128, 512}:     "cpu: want one of 256, 512, 1024, 2048, 4096, 8192, 16384, got 128",
		{0, 0}:         "cpu: want one of",
	} {
		require.ErrorContains(t, ValidateSize(pair[0], pair[1]), want, pair)
	}
}
