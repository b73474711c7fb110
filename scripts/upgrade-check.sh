#!/bin/sh
# Builds the program against the newest minor versions of the Pulumi packages, in a copy, and says what they change in each stack's graph:
# upgrade-check.sh. It fails if something would be replaced or deleted. The tree stays as it is, and the copy is removed. A new version of
# pulumi-aws compiles for some minutes; UPGRADE_SECONDS bounds all of it (3600).
set -eu

modules='pulumi-aws/sdk/v6 pulumi-awsx/sdk/v2 pulumi-random/sdk/v4 pulumi/sdk/v3'
work=$(mktemp -d)
child=
# shellcheck disable=SC2329 # called by the trap
finish() {
	[ -z "$child" ] || kill "$child" 2> /dev/null || true
	kill "$clock" 2> /dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'echo "upgrade-check: stopped" >&2; exit 1' INT TERM
(
	trap 'kill "$sleep" 2> /dev/null; exit 0' TERM
	sleep "${UPGRADE_SECONDS:-3600}" &
	sleep=$!
	wait "$sleep"
	kill $$
) &
clock=$!

# In the background: a signal ends a wait at once, and a command only when that has ended by itself.
run() {
	"$@" &
	child=$!
	wait "$child"
}

mkdir "$work/copy" "$work/before"
tar --exclude ./.git --exclude ./.cache --exclude ./dist -cf - . | tar -C "$work/copy" -xf -
top=$PWD
cd "$work/copy"

asked=
for module in $modules; do
	module=github.com/pulumi/$module
	before=$(go list -m -f '{{.Version}}' "$module")
	if ! go get "$module@latest" > "$work/get" 2>&1; then
		echo "$module: $before is kept: the newest version could not be asked for: $(tail -n 1 "$work/get")"
		continue
	fi
	asked=1
	now=$(go list -m -f '{{.Version}}' "$module")
	if [ "$now" = "$before" ]; then echo "$module: $now is the newest"; else echo "$module: $before -> $now"; fi
done
if [ -z "$asked" ]; then
	echo 'upgrade-check: no newest version could be asked for' >&2
	exit 1
fi
go mod tidy > "$work/get" 2>&1 || { cat "$work/get" >&2 && exit 1; }
if cmp -s go.mod "$top/go.mod" && cmp -s go.sum "$top/go.sum"; then
	echo 'nothing to check: these are the versions here'
	exit 0
fi

status=0
for file in Pulumi.*.yaml; do
	stack=${file#Pulumi.}
	stack=${stack%.yaml}
	case $stack in *.local) continue ;; esac
	run go -C "$top" run ./cmd/plan show -stack "$stack" -save "$work/before/$stack.json"
	run go run ./cmd/plan diff "$work/before/$stack.json" -stack "$stack" -format "text=$work/diff"
	cat "$work/diff"
	if grep -Eq '^(Refused|Replaced or deleted)$' "$work/diff"; then status=1; fi
done
[ "$status" -eq 0 ] || echo 'upgrade-check: something would be replaced or deleted: docs/upgrading.md' >&2
exit "$status"
