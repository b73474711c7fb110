package fargate

import (
	"fmt"
	"slices"
	"strings"
)

// sizes are the memory sizes, in MiB, that Fargate allows with each number of CPU units.
var sizes = []struct {
	cpu    int
	memory []int
}{
	{256, []int{512, 1024, 2048}},
	{512, steps(1, 4, 1)},
	{1024, steps(2, 8, 1)},
	{2048, steps(4, 16, 1)},
	{4096, steps(8, 30, 1)},
	{8192, steps(16, 60, 4)},
	{16384, steps(32, 120, 8)},
}

// steps are sizes in MiB, from and to in GiB.
func steps(from, to, by int) []int {
	var out []int
	for gib := from; gib <= to; gib += by {
		out = append(out, gib*1024)
	}
	return out
}

// MemorySizes are the memory sizes, in MiB, that Fargate allows with some CPU units, ascending; nil for CPU units that it does not offer.
func MemorySizes(cpu int) []int {
	for _, size := range sizes {
		if size.cpu == cpu {
			return slices.Clone(size.memory)
		}
	}
	return nil
}

// ValidateSize reports a pair of CPU units and MiB of memory that Fargate does not run, with what it would.
func ValidateSize(cpu, memory int) error {
	var units []string
	for _, size := range sizes {
		if size.cpu == cpu {
			if slices.Contains(size.memory, memory) {
				return nil
			}
			return fmt.Errorf("memory: with cpu %d want %s, got %d", cpu, SizesText(size.memory), memory)
		}
		units = append(units, fmt.Sprint(size.cpu))
	}
	return fmt.Errorf("cpu: want one of %s, got %d", strings.Join(units, ", "), cpu)
}

// SizesText lists memory sizes for a message.
func SizesText(values []int) string {
	if len(values) <= 3 {
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ", "), "[]") + " MiB"
	}
	return fmt.Sprintf("%d to %d MiB in steps of %d", values[0], values[len(values)-1], values[1]-values[0])
}
