#!/bin/sh
# Keeps the one issue that tells of a stack's drift, with gh (GH_TOKEN): opens or edits it when the file has something, and closes it when
# the file is empty: drift-issue.sh STACK FILE
# REPOSITORY is owner/name; RUN_URL is where the whole output is.
set -eu

stack=${1:?usage: drift-issue.sh STACK FILE}
file=${2:?usage: drift-issue.sh STACK FILE}
: "${REPOSITORY:?}" "${RUN_URL:?}"
title="Stack $stack differs from main"

# Only this workflow's own: anybody may open an issue with that title.
number=$(gh api --paginate --method GET "repos/$REPOSITORY/issues" -f state=open -f creator='github-actions[bot]' -f per_page=100 \
	--jq ".[] | select(.title == \"$title\" and .pull_request == null) | .number" | head -n 1)
if [ ! -s "$file" ]; then
	if [ -n "$number" ]; then
		gh issue close "$number" --repo "$REPOSITORY" --comment "Nothing differs any more: $RUN_URL"
	fi
	exit 0
fi

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
	printf 'What AWS has differs from what the program and the stack file say: somebody changed it by hand, or main is not deployed.\n'
	# shellcheck disable=SC2016 # Markdown
	printf '`pulumi up --stack %s` undoes it; a change that is meant belongs into the program. ' "$stack"
	printf 'Newest comparison: %s\n\n' "$RUN_URL"
	printf 'This issue is edited while something differs, and closed when nothing does.\n\n'
	"$(dirname "$0")/fence.sh" "$file"
} > "$body"
if [ -n "$number" ]; then
	gh issue edit "$number" --repo "$REPOSITORY" --body-file "$body"
else
	gh issue create --repo "$REPOSITORY" --title "$title" --body-file "$body"
fi
