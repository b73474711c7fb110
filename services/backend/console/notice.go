package console

import (
	"net/url"
	"strconv"
)

// notices are what a page says of an action that led to it. Only these words, so that no link can put others there.
var notices = map[string][2]string{
	"retried":   {"1 job is queued again.", " jobs are queued again."},
	"cancelled": {"1 job is cancelled, or will be once its agent stops.", " jobs are cancelled, or will be once their agents stop."},
	"deleted":   {"The file is deleted.", ""},
	"revoked":   {"The token is revoked.", ""},
}

func notice(query url.Values) string {
	words, ok := notices[query.Get("did")]
	n, err := strconv.ParseUint(query.Get("n"), 10, 32)
	switch {
	case !ok || err != nil:
		return ""
	case n == 1 || words[1] == "":
		return words[0]
	}
	return number(int64(n)) + words[1]
}
