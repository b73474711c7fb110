#!/bin/sh
# Refuses to deploy through an environment that anybody who can push may use, with gh (GH_TOKEN): environments.sh
# REPOSITORY is owner/name, STACKS what settings.sh printed. Each environment must take its branches from a rule, and prod needs a reviewer:
# GitHub makes an environment that does not exist as soon as a job names it, without either.
set -eu

: "${REPOSITORY:?}" "${STACKS:?}"
wrong=
for stack in $(printf '%s' "$STACKS" | jq -r '.[].stack'); do
	case $stack in
	dev | prod) ;;
	*)
		echo "::warning::DEPLOY_ROLE of $stack: deploy.yml has jobs for dev and prod alone"
		continue
		;;
	esac
	if ! environment=$(gh api "repos/$REPOSITORY/environments/$stack"); then
		echo "::error::environment $stack: it could not be read, or does not exist (docs/delivery.md)"
		wrong=1
		continue
	fi
	if ! printf '%s' "$environment" | jq -e '.deployment_branch_policy != null' > /dev/null; then
		echo "::error::environment $stack: every branch may deploy through it: let main alone (docs/delivery.md)"
		wrong=1
	fi
	if [ "$stack" = prod ] &&
		! printf '%s' "$environment" | jq -e 'any(.protection_rules[]; .type == "required_reviewers")' > /dev/null; then
		echo "::error::environment prod: nobody must approve a deployment: name a reviewer (docs/delivery.md)"
		wrong=1
	fi
done
[ -z "$wrong" ]
