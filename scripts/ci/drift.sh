#!/bin/sh
# Compares what a stack has in AWS with the program and the stack file, and writes what differs to a file, which is empty if nothing does:
# drift.sh STACK FILE
set -eu

stack=${1:?usage: drift.sh STACK FILE}
file=${2:?usage: drift.sh STACK FILE}
status=0
pulumi preview --stack "$stack" --refresh --expect-no-changes --diff --non-interactive --color never > "$file" 2>&1 || status=$?
cat "$file"
case $status in
0) : > "$file" ;;
7) ;; # the preview ended well, and something differs
*) exit "$status" ;;
esac
