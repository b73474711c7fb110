#!/bin/sh
# Puts a text file into the comment of the open pull request whose newest commit is HEAD_SHA, with gh (GH_TOKEN): plan-comment.sh FILE
# REPOSITORY is owner/name; HEAD_OWNER and HEAD_BRANCH say where the pull request comes from.
set -eu

file=${1:?usage: plan-comment.sh FILE}
: "${REPOSITORY:?}" "${HEAD_OWNER:?}" "${HEAD_BRANCH:?}" "${HEAD_SHA:?}"
marker='<!-- the plan of this pull request -->'

# The artifact does not say which pull request it is about: whoever made it could name another one.
number=$(gh api --method GET "repos/$REPOSITORY/pulls" -f state=open -f head="$HEAD_OWNER:$HEAD_BRANCH" \
	--jq ".[] | select(.head.sha == \"$HEAD_SHA\") | .number")
if [ -z "$number" ]; then
	echo "no open pull request of $HEAD_OWNER:$HEAD_BRANCH has $HEAD_SHA as its newest commit: nothing to do"
	exit 0
fi

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
	printf '%s\n' "$marker"
	printf '**What this pull request changes in each stack** (commit %.12s, planned without AWS)\n\n' "$HEAD_SHA"
	printf '<details open><summary>plan</summary>\n\n'
	"$(dirname "$0")/fence.sh" "$file"
	printf '\n</details>\n'
} > "$body"

# One branch may have several pull requests, to different branches.
for n in $number; do
	comments=$(gh api --paginate "repos/$REPOSITORY/issues/$n/comments" \
		--jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id")
	first=$(printf '%s\n' "$comments" | head -n 1)
	if [ -n "$first" ]; then
		gh api --method PATCH "repos/$REPOSITORY/issues/comments/$first" -F body=@"$body" --jq .html_url
	else
		gh api --method POST "repos/$REPOSITORY/issues/$n/comments" -F body=@"$body" --jq .html_url
	fi
done
