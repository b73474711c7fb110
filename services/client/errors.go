package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"scalable-backend/services/api"
)

// ErrUnreachable means that no answer came: no connection could be made, or it broke off, or it took too long.
var ErrUnreachable = errors.New("the API cannot be reached")

// Error is an answer with another status than success. Decide by Status, which is always set. The other fields of Problem are
// empty when the answer did not come from the backend (API Gateways and load balancers have error bodies of their own).
type Error struct {
	Status     int
	Problem    api.Problem
	RetryAfter time.Duration // 0 without one
	HasRetry   bool          // the answer carried a Retry-After that could be read
	RequestID  string        // of the gateway, for its logs
}

func (e *Error) Error() string {
	var b strings.Builder
	title := e.Problem.Title
	if title == "" {
		title = http.StatusText(e.Status)
	}
	fmt.Fprintf(&b, "%d %s", e.Status, title)
	if e.Problem.Detail != nil && *e.Problem.Detail != "" && *e.Problem.Detail != title {
		fmt.Fprintf(&b, ": %s", *e.Problem.Detail)
	}
	if e.Problem.Errors != nil {
		for _, f := range *e.Problem.Errors {
			b.WriteString("; ")
			if f.Pointer != nil {
				b.WriteString(*f.Pointer + ": ")
			}
			b.WriteString(f.Detail)
		}
	}
	if e.Problem.TraceId != nil {
		fmt.Fprintf(&b, " (trace %s)", *e.Problem.TraceId)
	} else if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	return b.String()
}

// StatusOf returns the HTTP status of an *Error in err's tree, 0 without one.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// maxText caps what is taken over from a body that is no problem document.
const maxText = 200

func errorOf(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amzn-Requestid")}
	e.RetryAfter, e.HasRetry = retryAfter(resp.Header, time.Now())
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json" && json.Unmarshal(body, &e.Problem) == nil:
	case strings.HasSuffix(kind, "json"):
		var m struct{ Message, Msg string } // {"message": …} of an API Gateway, matched whatever its case
		if json.Unmarshal(body, &m) == nil && m.Message != "" {
			text := cut(m.Message)
			e.Problem.Detail = &text
		}
	case kind == "text/plain" && len(body) > 0:
		text := cut(strings.TrimSpace(string(body)))
		e.Problem.Detail = &text
	}
	e.Problem.Status = e.Status // the status line is the one that counts
	return e
}

func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// retryAfter reads the header in either of its forms.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now)), true
	}
	return 0, false
}
