package database

import (
	"fmt"
	"strconv"
	"strings"
)

// MemoryGiB returns the memory of an instance class, from which the alarms on connections and free memory are derived. Sizes
// follow one rule in every family: xlarge is twice large, and so on; memory-optimised families have twice (x: four times, x2iedn:
// eight times) the memory of the general ones.
func MemoryGiB(class string) (int, error) {
	parts := strings.Split(class, ".")
	if len(parts) != 3 || parts[0] != "db" || parts[1] == "" {
		return 0, fmt.Errorf("instance class %q: want a class like \"db.t4g.micro\"", class)
	}
	family, size := parts[1], parts[2]
	small := map[string]int{"micro": 1, "small": 2, "medium": 4}
	if gib, ok := small[size]; ok {
		return gib, nil
	}
	gib := 8
	switch family[0] {
	case 't', 'm':
	case 'r':
		gib = 16
	case 'x':
		gib = 32
		if strings.HasPrefix(family, "x2ie") {
			gib = 64
		}
	default:
		return 0, fmt.Errorf("instance class %q: want a family of t, m, r or x", class)
	}
	switch {
	case size == "large":
		return gib, nil
	case size == "xlarge":
		return 2 * gib, nil
	case strings.HasSuffix(size, "xlarge"):
		if n, err := strconv.Atoi(strings.TrimSuffix(size, "xlarge")); err == nil && n > 1 {
			return 2 * gib * n, nil
		}
	}
	return 0, fmt.Errorf("instance class %q: unknown size %q", class, size)
}

// MaxConnections is how many connections PostgreSQL takes on an instance with so much memory: one for each 9,531,392 bytes, at
// most 5,000 (Amazon RDS User Guide, "Maximum number of database connections"). Small classes take some fewer, as a part of their
// memory is not counted.
func MaxConnections(memoryGiB int) int { return min(memoryGiB<<30/9531392, 5000) }
