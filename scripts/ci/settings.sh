#!/bin/sh
# Says which stacks a workflow works on, for GITHUB_OUTPUT: settings.sh PREFIX
# A stack, which is a file Pulumi.<stack>.yaml, is on when the repository variable PREFIX_<STACK> names a role. VARIABLES is the JSON object
# of all repository variables. Without any role the workflow is off, and says so; with one, what else it needs must be there.
set -eu

prefix=${1:?usage: settings.sh PREFIX}
: "${VARIABLES:?}" "${GITHUB_OUTPUT:?}"

value() { printf '%s' "$VARIABLES" | jq -r --arg name "$1" '.[$name] // ""'; }
wrong=
error() {
	echo "::error::repository variable $1 (docs/delivery.md)"
	wrong=1
}

stacks='[]'
names=
for file in Pulumi.*.yaml; do
	stack=${file#Pulumi.}
	stack=${stack%.yaml}
	case $stack in *.local | '*') continue ;; esac
	name=${prefix}_$(printf '%s' "$stack" | tr 'a-z.-' 'A-Z__')
	names="$names $name"
	role=$(value "$name")
	[ -n "$role" ] || continue
	printf '%s\n' "$role" | grep -Eq '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@/_-]+$' ||
		error "$name: want the ARN of a role, got $(printf '%s' "$role" | tr -d '\r\n')"
	stacks=$(printf '%s' "$stacks" | jq -c --arg stack "$stack" --arg role "$role" '. + [{stack: $stack, role: $role}]')
done

if [ "$stacks" = '[]' ]; then
	echo "::notice::off: none of the repository variables$names is set (docs/delivery.md)"
else
	printf '%s\n' "$(value AWS_REGION)" | grep -Eq '^[a-z]{2}(-[a-z]+)+-[0-9]$' || error 'AWS_REGION: want a region of AWS, such as us-east-1'
	backend=$(value PULUMI_BACKEND_URL)
	if [ -z "$backend$(value PULUMI_ORGANIZATION)" ]; then
		error 'PULUMI_BACKEND_URL, such as s3://bucket?region=us-east-1, or PULUMI_ORGANIZATION: want one of them'
	fi
	case $backend in
	'' | s3://?* | https://?*) ;;
	*) error 'PULUMI_BACKEND_URL: want s3://BUCKET?region=REGION, or https:// for a Pulumi Cloud of your own' ;;
	esac
fi
[ -z "$wrong" ] || exit 1
echo "stacks=$stacks" >> "$GITHUB_OUTPUT"
