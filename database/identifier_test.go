package database

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIdentifierPrefix(t *testing.T) {
	for _, c := range []struct{ project, stack, want string }{
		{"scalable-backend", "dev", "scalable-backend-dev"},
		{"My_Project.x", "Prod", "my-project-x-prod"},
		{"2fast", "dev", "db-2fast-dev"},
		{"a--b-", "-c", "a-b-c"},
		{"___", "日本", "db"},
		{"z0{9", "`a:/x", "z0-9-a-x"}, // characters next to letters and digits in ASCII
	} {
		assert.Equal(t, c.want, identifierPrefix(c.project, c.stack))
	}
	long := identifierPrefix(strings.Repeat("x", 80), "dev")
	assert.Len(t, long, 44)
	assert.NotEqual(t, long, identifierPrefix(strings.Repeat("x", 80), "prod"))
}
