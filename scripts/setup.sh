#!/bin/sh
# Checks what a build needs and installs the PostgreSQL server if it is missing. Says what to do where it cannot.
# With the argument "test" it checks what tests need besides, with "browser" the browser of the console's tests and nothing else.
set -eu

fail() {
	printf 'setup: %s\n' "$1" >&2
	exit 1
}

browser_found() {
	[ -z "${TEST_BROWSER:-}" ] || { command -v "$TEST_BROWSER" >/dev/null; return; }
	for name in chromium chromium-browser google-chrome google-chrome-stable '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
		command -v "$name" >/dev/null && return 0
	done
	return 1
}

# Packages are installed as root, or by sudo.
privileged() {
	sudo=
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null || fail "$2 is missing: run as root: apt-get install $1"
	sudo=sudo
}

install_package() {
	privileged "$1" "$2"
	echo "setup: installing $2 from Debian's packages"
	export DEBIAN_FRONTEND=noninteractive
	$sudo apt-get update -qq
	# shellcheck disable=SC2086 # several names
	$sudo apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $1 >/dev/null
}

if [ "${1:-}" = browser ]; then
	browser_found && exit 0
	hint='a browser for the tests of the console is missing: install Chromium, or name one with TEST_BROWSER=/path/of/the/program
  Fedora: dnf install chromium     macOS: brew install --cask chromium     Arch: pacman -S chromium'
	[ -z "${TEST_BROWSER:-}" ] || fail "$TEST_BROWSER, which TEST_BROWSER names, is no program here"
	command -v apt-get >/dev/null || fail "$hint"
	install_package 'chromium fonts-dejavu-core' 'the browser Chromium'
	browser_found || fail "$hint"
	exit 0
fi

# An older Go fetches the one that go.mod names, unless GOTOOLCHAIN or the network keeps it from that.
wanted=$(sed -n 's/^go //p' "$(dirname "$0")/../go.mod")
install="install Go $wanted or later (https://go.dev/doc/install)"
command -v go >/dev/null || fail "Go is missing: $install"
found=$(go env GOVERSION 2>&1) || fail "Go cannot tell its version: $install
  $found"
case $found in
go[0-9]*)
	oldest=$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)
	[ "$oldest" = "$wanted" ] || fail "this is Go ${found#go}, which is too old: $install"
	;;
esac
[ "${1-}" != test ] || command -v cc >/dev/null || command -v gcc >/dev/null || fail 'a C compiler is missing (the race detector needs it): install gcc or clang'

postgres_found() {
	command -v initdb >/dev/null && command -v postgres >/dev/null && return 0
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
		[ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return 0
	done
	return 1
}

postgres_found && exit 0

command -v apt-get >/dev/null || fail 'the PostgreSQL server is missing: install PostgreSQL 15 or later and put initdb and postgres on the PATH
  Fedora: dnf install postgresql-server     macOS: brew install postgresql@17     Arch: pacman -S postgresql'

# Only the programs are wanted: no cluster of the system's own, no service on port 5432.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	privileged postgresql 'the PostgreSQL server'
	$sudo mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
install_package postgresql 'the PostgreSQL server'
postgres_found || fail 'the package postgresql was installed, but initdb and postgres are not where they are expected'
