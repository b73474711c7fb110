#!/bin/sh
# Installs the programs that `make bench` compares with, if they are missing.
set -eu

missing=
for program in curl aria2c nginx wrk openssl pgbench aws; do
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null && continue
	case $program in
	aria2c) missing="$missing aria2" ;;
	pgbench) missing="$missing postgresql-contrib" ;;
	aws) missing="$missing awscli" ;;
	*) missing="$missing $program" ;;
	esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: what is measured is missing: install$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "setup: run as root: apt-get install$missing" >&2
		exit 1
	}
	sudo=sudo
fi
echo "setup: installing$missing from Debian's packages"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# Only nginx's program is wanted: policy-rc.d keeps Debian from starting a service on port 80 (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
	trap '$sudo rm -f $policy' EXIT
fi
# shellcheck disable=SC2086 # several names
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
