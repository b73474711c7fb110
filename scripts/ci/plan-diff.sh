#!/bin/sh
# Prints what the working tree would change in each shipped stack, compared with a commit: plan-diff.sh BASE
set -eu

base=${1:?usage: plan-diff.sh BASE, a commit such as origin/main}
top=$(git rev-parse --show-toplevel)
cd "$top"
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "plan-diff: there is no commit $base" >&2; exit 1; }

tree=$(mktemp -d)
trap 'git worktree remove --force "$tree/base" 2>/dev/null || true; rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT PIPE TERM
git worktree add --quiet --detach "$tree/base" "$base"

for stack in dev prod; do
	printf '== %s\n\n' "$stack"
	# This tree's own tool plans both, so that a change of the tool is no change of the stack.
	if ! go run ./cmd/plan -dir "$tree/base" -stack "$stack" -json > "$tree/$stack.json" 2> "$tree/errors"; then
		printf 'The stack of %s cannot be planned, so there is nothing to compare with:\n' "$base"
		cat "$tree/errors"
		printf '\n'
		go run ./cmd/plan -stack "$stack" > /dev/null
		continue
	fi
	# Warnings, of documentation values for instance, are no changes.
	go run ./cmd/plan -stack "$stack" -diff "$tree/$stack.json" 2> "$tree/errors" || { cat "$tree/errors" >&2; exit 1; }
	printf '\n'
done
