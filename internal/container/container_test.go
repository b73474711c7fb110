package container_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/container"
)

func requireEach(t *testing.T, valid func(string) error, good, bad []string) {
	t.Helper()
	for _, text := range good {
		require.NoError(t, valid(text), text)
	}
	for _, text := range bad {
		require.Error(t, valid(text), "%q", text)
	}
}

func TestNames(t *testing.T) {
	requireEach(t, container.ValidateName,
		[]string{"A", "_", "http_proxy", "LOG_LEVEL2", "AWS_REGION", "AWS_MAX_ATTEMPTS", strings.Repeat("A", 128)},
		[]string{"", "1A", "A-B", "A.B", "A B", "A=", "Ä", "A\n", strings.Repeat("A", 129), "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
			"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN",
			"AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EXECUTION_ENV", "ECS_CONTAINER_METADATA_URI_V4"})
}

func TestValues(t *testing.T) {
	requireEach(t, container.ValidateValue,
		[]string{"", "a b", `"quoted" 'too' $HOME %h \n #`, "grün", "END", strings.Repeat("x", 1024)},
		[]string{"a\nb", "a\r", "\x00", "\x1b[0m", "a\u2028b", "a\u0085b", "\xff", strings.Repeat("x", 1025), "tab\t"})
}

func TestSecrets(t *testing.T) {
	const arn = "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:team/payments+x-AbC123"
	s, err := container.ParseSecret(arn + ":api_key")
	require.NoError(t, err)
	require.Equal(t, container.Secret{ARN: arn, Key: "api_key", Partition: "aws-cn", Region: "cn-north-1", Account: "111122223333"}, s)
	for _, bad := range []string{
		"", arn, arn + ":", arn + ":a b", arn + "::", arn + ":key::", arn + ":a:b", ":key", "team/payments:key",
		strings.Replace(arn, "-AbC123", "", 1) + ":key", // without its random end it names every secret that begins with the name
		strings.Replace(arn, "1111", "111", 1) + ":key", strings.Replace(arn, "secretsmanager", "ssm", 1) + ":key", arn + ":key\n", arn + ":*",
		"arn:aws:secretsmanager:eu-west-1:111122223333:secret:*-AbC123:key",
	} {
		_, err := container.ParseSecret(bad)
		require.ErrorContains(t, err, "want a secret's whole ARN", bad)
	}
}

func TestUsers(t *testing.T) {
	uid, gid, err := container.ParseUser("65532:1000")
	require.NoError(t, err)
	require.Equal(t, []int{65532, 1000}, []int{uid, gid})
	_, _, err = container.ParseUser("2147483647:2147483647")
	require.NoError(t, err)
	for _, bad := range []string{
		"", "0:0", "0:1", "1:0", "root:root", "1000", "1000:", ":1000", "1:1:1", "-1:1", "01:1", "2147483648:1", "1:2147483648",
		"99999999999:1", "1:1\n",
	} {
		_, _, err := container.ParseUser(bad)
		require.ErrorContains(t, err, "want uid:gid as numbers from 1 to 2147483647", bad)
	}
}

func TestPaths(t *testing.T) {
	requireEach(t, container.ValidatePath,
		[]string{"/tmp", "/var/cache/app-1", "/a_b", "/process", "/" + strings.Repeat("a", 254)},
		[]string{"", "/", "tmp", "/tmp/", "//tmp", "/tmp/../etc", "/a b", "/a:ro", "/a,b", "/.ssh", "/tmp\n", "/proc", "/proc/1", "/sys",
			"/dev/shm", "/" + strings.Repeat("a", 255)})
}
