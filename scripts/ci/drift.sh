#!/bin/sh
# Compares what a stack has in AWS with the program and the stack file, and writes what differs to a file, which is empty if nothing does:
# drift.sh STACK FILE
# Built images are left out: docker-build asks the registry with the password of their build, and takes them for deleted when that has
# expired, after twelve hours (pulumi/pulumi-docker-build#424, #929). What runs is compared all the same, by digest.
set -eu

stack=${1:?usage: drift.sh STACK FILE}
file=${2:?usage: drift.sh STACK FILE}
status=0
# shellcheck disable=SC2016 # part of a URN
pulumi preview --stack "$stack" --refresh --expect-no-changes --exclude '**$docker-build:index:Image::**' \
	--diff --non-interactive --color never > "$file" 2>&1 || status=$?
cat "$file"
case $status in
0) : > "$file" ;;
7) ;; # the preview ended well, and something differs
*) exit "$status" ;;
esac
