#!/bin/sh
# Prints the digests of the images that a stack runs, as images=JSON, or fails if they are others than those given: images.sh STACK [JSON]
# Digests alone: the account's number is masked in the log, and GitHub drops an output of a job that has something masked.
set -eu

stack=${1:?usage: images.sh STACK [JSON]}
outputs=$(pulumi stack output --json --non-interactive --stack "$stack")
images=$(printf '%s' "$outputs" | jq -c '[.backendImage, .agentImage | if . then split("@")[1] else null end]')
if [ $# -lt 2 ]; then
	echo "images=$images"
elif [ "$images" != "$2" ]; then
	echo "::error::$stack no longer runs what this run has deployed: approve the newest run of this workflow. It runs $images, wanted $2"
	exit 1
fi
