package database

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMemoryGiB(t *testing.T) {
	for class, want := range map[string]int{
		"db.t4g.micro": 1, "db.t4g.small": 2, "db.t3.medium": 4, "db.t4g.large": 8, "db.m7g.large": 8, "db.m7g.xlarge": 16,
		"db.m7g.4xlarge": 64, "db.r7g.large": 16, "db.r6gd.2xlarge": 64, "db.x2g.large": 32, "db.x2idn.16xlarge": 1024, "db.x2iedn.xlarge": 128,
	} {
		got, err := MemoryGiB(class)
		require.NoError(t, err, class)
		assert.Equal(t, want, got, class)
	}
	for _, class := range []string{"", "m7g.large", "rds.m7g.large", "db..large", "db.m7g", "db.z1d.large", "db.m7g.0xlarge", "db.m7g.huge"} {
		got, err := MemoryGiB(class)
		assert.Error(t, err, class)
		assert.Zero(t, got, class)
	}
}

func TestMaxConnections(t *testing.T) {
	for memory, want := range map[int]int{1: 112, 8: 901, 44: 4956, 45: 5000, 1024: 5000} {
		assert.Equal(t, want, MaxConnections(memory), memory)
	}
}
