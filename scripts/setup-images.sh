#!/bin/sh
# Checks what `make test-images` needs besides `make setup`: root, runc, and a builder, which is Docker where its engine runs,
# and otherwise BuildKit, built here, with an image made of Debian's packages in the place of golang. Installs what is missing.
set -eu

fail() {
	printf 'setup-images: %s\n' "$1" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || fail 'containers are run with runc: run this as root (sudo make test-images)'

packages=
command -v runc >/dev/null || packages=runc
docker=
if docker info >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; then
	docker=1
elif ! command -v mmdebstrap >/dev/null; then
	packages="$packages mmdebstrap"
fi

if [ -n "$packages" ]; then
	command -v apt-get >/dev/null || fail "missing: $packages. With a Docker engine only runc is needed; without one, use Debian or Ubuntu"
	echo "setup-images: installing from Debian's packages: $packages"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of words
	apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

if [ -z "$docker" ]; then
	mkdir -p .cache/bin
	go build -C tools/buildkit -o ../../.cache/bin/ github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl
fi
