package compute

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// User data may be as long as EC2 allows, but not one byte longer.
func TestUserDataLimit(t *testing.T) {
	boot := testBoot()
	script, err := UserData(boot)
	require.NoError(t, err)
	boot.Bucket += strings.Repeat("x", userDataLimit-len(script))
	script, err = UserData(boot)
	require.NoError(t, err)
	require.Len(t, script, 16384)
	boot.Bucket += "x"
	_, err = UserData(boot)
	require.EqualError(t, err, "user data has 16385 bytes, EC2 takes 16384")
}
