// Package build says which build of the product a program is. The two programs, their images' labels, their logs, the API and
// its page all say the same.
package build

import (
	"runtime/debug"
	"sync"
)

// Release is the version of the product (semver.org). The labels of the two Dockerfiles repeat it.
const Release = "0.1.0"

// sources is the digest of what the program was compiled from. The linker sets it in images: see image.sh.
var sources string

// Version is the release and, after a plus sign, what it was built from: the digest of the sources in an image, else the
// commit ("-modified" if the work tree was another), else "devel".
var Version = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return version(sources, info)
})

func version(sources string, info *debug.BuildInfo) string {
	if sources != "" {
		return Release + "+" + sources
	}
	commit, modified := "", ""
	if info != nil {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision" && len(setting.Value) >= 12:
				commit = setting.Value[:12]
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = "-modified"
			}
		}
	}
	if commit == "" {
		return Release + "+devel"
	}
	return Release + "+" + commit + modified
}
