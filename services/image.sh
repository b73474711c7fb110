#!/bin/sh
# Compiles a command of this module for an image, in the build stage of its Dockerfile.
#
#   image.sh ./cmd/agent /rootfs/agent
#
# The binary's version carries a digest of the sources that it is compiled from: this module's files, by their contents, and
# the other modules' versions. It is worked out here and not handed in: an argument that changed with each commit would give
# each commit another image.
set -eu

package=$1
output=$2

# What `go list` finds are the files for the target's system and architecture. Modes, times and the folder do not count.
files=$(go list -deps -f '{{with .Module}}{{if .Main}}{{range $.GoFiles}}{{$.Dir}}/{{.}}
{{end}}{{range $.EmbedFiles}}{{$.Dir}}/{{.}}
{{end}}{{end}}{{end}}' "$package" | sed -e '/^$/d' -e "s|^$PWD/||" | LC_ALL=C sort)
modules=$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}' "$package" | LC_ALL=C sort -u)
# shellcheck disable=SC2086 # one argument a file: none of this module's has a space in its name
sources=$( (printf '%s\n' "$modules" && sha256sum $files) | sha256sum | cut -c 1-12)

# -trimpath and an empty build id leave nothing of this machine in the binary; there is no repository here to take a commit from.
exec go build -trimpath -buildvcs=false -o "$output" \
	-ldflags "-s -w -buildid= -X scalable-backend/services/internal/build.sources=$sources" "$package"
