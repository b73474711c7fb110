#!/bin/sh
# Checks that Python is here, which the tests of the example backend in services/examples run, and installs it if it is missing.
set -eu

fail() {
	printf 'setup: %s\n' "$1" >&2
	exit 1
}

command -v python3 >/dev/null && python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' && exit 0
command -v python3 >/dev/null && fail "this is $(python3 --version), and the example backend wants Python 3.9 or later"
command -v apt-get >/dev/null || fail 'python3 is missing: install Python 3.9 or later (https://www.python.org/downloads/)'

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || fail 'python3 is missing: run as root: apt-get install python3'
	sudo=sudo
fi
echo "setup: installing python3 from Debian's packages"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends python3 >/dev/null
