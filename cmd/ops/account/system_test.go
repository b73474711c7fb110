package account_test

import (
	"crypto/sha1" //nolint:gosec // the SDK names the cached tokens so
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// What the SDK itself says when a caller has no credentials, or none any more.
func TestCredentialsOfTheSystem(t *testing.T) {
	const (
		start  = "https://example.awsapps.com/start"
		none   = "there are no valid AWS credentials: set AWS_PROFILE, or sign in (aws sso login), and run it again"
		ended  = "the AWS credentials have expired: get new ones (aws sso login, or as you got these) and run it again"
		signed = "[profile x]\nsso_account_id = 111122223333\nsso_role_name = deploy\n"
		legacy = signed + "sso_start_url = " + start + "\nsso_region = eu-central-1\n"
		modern = signed + "sso_session = s\n[sso-session s]\nsso_start_url = " + start + "\nsso_region = eu-central-1\n"
		old    = `{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z","region":"eu-central-1","startUrl":"` + start + `"}`
	)
	for name, c := range map[string]struct{ config, token, cached, profile, want string }{
		"nothing at all":           {want: none},
		"a profile that is not":    {profile: "y", config: legacy, want: none},
		"never signed in":          {profile: "x", config: legacy, want: ended}, // the SDK says the same of both
		"never signed in, session": {profile: "x", config: modern, want: none},
		"signed in long ago":       {profile: "x", config: legacy, cached: start, token: old, want: ended},
		"a session of long ago":    {profile: "x", config: modern, cached: "s", token: old, want: ended},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			for variable, value := range map[string]string{
				"HOME": home, "AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
				"AWS_PROFILE": c.profile, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true",
				"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
			} {
				t.Setenv(variable, value)
			}
			require.NoError(t, os.WriteFile(filepath.Join(home, "config"), []byte(c.config), 0o600))
			if c.cached != "" {
				cache := filepath.Join(home, ".aws", "sso", "cache")
				require.NoError(t, os.MkdirAll(cache, 0o700))
				sum := sha1.Sum([]byte(c.cached))
				require.NoError(t, os.WriteFile(filepath.Join(cache, hex.EncodeToString(sum[:])+".json"), []byte(c.token), 0o600))
			}
			env := command.System()
			s := load(t, opstest.NewBench(t, opstest.NewAWS(t)), "config:\n  aws:region: eu-central-1\n")
			_, err := account.Open(t.Context(), env, s)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, command.Unfinished, command.Status(err))
		})
	}
}

// The program's own environment reaches AWS: here the one that AWS_ENDPOINT_URL names.
func TestOpenWithTheSystem(t *testing.T) {
	a := opstest.NewAWS(t)
	config, err := a.Config(t.Context(), "eu-central-1", "")
	require.NoError(t, err)
	for variable, value := range map[string]string{
		"AWS_ENDPOINT_URL": *config.BaseEndpoint, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "HOME": t.TempDir(),
	} {
		t.Setenv(variable, value)
	}
	s := load(t, opstest.NewBench(t, a), "config:\n  aws:region: eu-central-1\n")
	opened, err := account.Open(t.Context(), command.System(), s)
	require.NoError(t, err)
	require.Equal(t, "111122223333", opened.ID)
	a.On("GetCallerIdentity", opstest.Answer{Drop: true}, opstest.Answer{Code: "Throttling", Status: 400}, opstest.Answer{
		Body: "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/x</Arn>"})
	_, err = account.Open(t.Context(), command.System(), s)
	require.NoError(t, err, "the SDK repeats what may pass")
}
