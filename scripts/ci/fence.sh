#!/bin/sh
# Prints a text file as a block of code in Markdown, cut to what a comment of GitHub takes (65,536 characters): fence.sh FILE
# Nothing in the text is markup then, and no @name calls anybody, whoever wrote it.
set -eu

file=${1:?usage: fence.sh FILE}
most=60000
printf '~~~~~~~~~~~~text\n'
# A line that could end the block begins with tildes after at most three spaces.
head -c "$most" "$file" | LC_ALL=C tr -d '\000-\010\013-\037\177' | sed 's/^\( \{0,3\}\)~~~/\1 ~ ~/'
printf '\n~~~~~~~~~~~~\n'
if [ "$(wc -c < "$file")" -gt "$most" ]; then
	printf '\nThe rest is cut; the run of the workflow has all of it.\n'
fi
