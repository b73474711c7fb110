package build

import (
	"os"
	"regexp"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	clean, modified := debug.BuildSetting{Key: "vcs.modified", Value: "false"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, from := range map[string]struct {
		sources  string
		settings []debug.BuildSetting
	}{
		Release + "+fedcba987654":          {"fedcba987654", []debug.BuildSetting{commit, modified}},
		Release + "+0123456789ab":          {"", []debug.BuildSetting{commit, clean}},
		Release + "+0123456789ab-modified": {"", []debug.BuildSetting{commit, modified}},
		Release + "+devel":                 {},
	} {
		require.Equal(t, want, version(from.sources, &debug.BuildInfo{Settings: from.settings}))
	}
	require.Equal(t, Release+"+devel", version("", nil))
	// The version of an agent is a part of its User-Agent, and of a field of at most 128 characters.
	require.Regexp(t, `^\d+\.\d+\.\d+\+[0-9A-Za-z.-]{1,40}$`, Version())
}

// A label's text stands in the Dockerfile, so each repeats the release.
func TestLabelsSayTheRelease(t *testing.T) {
	label := regexp.MustCompile(`org\.opencontainers\.image\.version="([^"]*)"`)
	for _, service := range []string{"backend", "agent"} {
		text, err := os.ReadFile("../../" + service + ".Dockerfile")
		require.NoError(t, err)
		found := label.FindAllStringSubmatch(string(text), -1)
		require.Len(t, found, 1, service)
		require.Equal(t, Release, found[0][1], service)
	}
}
