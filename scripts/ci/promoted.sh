#!/bin/sh
# Names the images that were promoted to a stack in this copy of its configuration: promoted.sh STACK
# deploy.yml promotes in a copy of its own, so the repository's stack file does not name them, and a preview would build others instead.
# What the stack built itself is in its state as a build; what the stack file names stays.
set -eu

stack=${1:?usage: promoted.sh STACK}
state=$(pulumi stack export --stack "$stack")
for service in backend agent; do
	if printf '%s' "$state" | jq -e --arg name "images-$service" \
		'any(.deployment.resources[]?; .type == "awsx:ecr:Image" and (.urn | endswith("::" + $name)))' > /dev/null; then
		continue
	fi
	image=$(printf '%s' "$state" | jq -r --arg output "${service}Image" \
		'.deployment.resources[]? | select(.type == "pulumi:pulumi:Stack") | .outputs[$output] | strings | select(contains("@sha256:"))')
	[ -n "$image" ] || continue
	if pulumi config get --stack "$stack" --path "images.$service" > /dev/null 2>&1; then
		continue
	fi
	pulumi config set --stack "$stack" --path "images.$service" "$image"
done
