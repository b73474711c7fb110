// Package opstest is what tests of ops's commands are made of: an AWS on loopback that gives recorded answers in the wire formats of the
// real one, an environment with a clock that nobody waits for, and golden files.
package opstest

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// AWS answers calls of the SDK. An operation that no test has answers for is a test failure.
type AWS struct {
	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	on     map[string][]Answer
	calls  []Call
}

// Call is one request that came.
type Call struct {
	Operation string     // "DescribeServices"; for REST services the method and the path: "GET /restapis"
	Form      url.Values // of the query services (Auto Scaling, EC2, ELB, RDS, STS, SNS)
	Body      string     // of the others
}

// Answer is what comes back. The zero value is a success without content.
type Answer struct {
	// Body is the result: a JSON object, or for the query services the elements inside <…Result> (EC2: inside <…Response>).
	Body string
	// Code and Message make it an error; Status is then 400 unless set.
	Code, Message string
	Status        int
	// Drop closes the connection without an answer.
	Drop bool
	// Func, if set, makes the answer from the call.
	Func func(Call) Answer
}

// NewAWS starts it; it ends with the test. GetCallerIdentity is answered for account 111122223333.
func NewAWS(t testing.TB) *AWS {
	t.Helper()
	a := &AWS{t: t, on: map[string][]Answer{}}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.server.Close)
	a.On("GetCallerIdentity", Answer{Body: "<Account>111122223333</Account><UserId>AROAEXAMPLE:ci</UserId>" +
		"<Arn>arn:aws:sts::111122223333:assumed-role/deploy/ci</Arn>"})
	return a
}

// On sets the answers of an operation, one for each call; the last one stays.
func (a *AWS) On(operation string, answers ...Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.on[operation] = answers
}

// Calls are the calls of an operation, or all of them, in order.
func (a *AWS) Calls(operation ...string) []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Call
	for _, call := range a.calls {
		if len(operation) == 0 || call.Operation == operation[0] {
			out = append(out, call)
		}
	}
	return out
}

// Config is the SDK's configuration for it: fixed credentials, two attempts without a pause.
func (a *AWS) Config(_ context.Context, region, _ string) (aws.Config, error) {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(a.server.URL), HTTPClient: a.server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}, nil
}

func (a *AWS) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asks has given it up
	}
	call, kind := read(r, string(body))
	answer := a.next(call)
	if answer.Func != nil {
		answer = answer.Func(call)
	}
	if answer.Drop {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
		return
	}
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	answer.write(w, call, kind)
}

func (a *AWS) next(call Call) Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
	answers := a.on[call.Operation]
	if len(answers) == 0 {
		a.t.Errorf("there is no answer for %s", call.Operation)
		return Answer{Code: "NoAnswer", Message: "the test has no answer for " + call.Operation}
	}
	if len(answers) > 1 {
		a.on[call.Operation] = answers[1:]
	}
	return answers[0]
}

const queryError = "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"

// The wire formats.
const (
	jsonRPC = "json"
	cborRPC = "cbor" // CloudWatch; answers are written as JSON all the same
	restXML = "xml"  // Route 53; the body is the whole document
	query   = "query"
	ec2     = "ec2"
	rest    = "rest"
)

func read(r *http.Request, body string) (call Call, kind string) {
	call.Body = body
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		call.Operation = target[strings.LastIndex(target, ".")+1:]
		return call, jsonRPC
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(body); err == nil && form.Get("Action") != "" {
			call.Operation, call.Form = form.Get("Action"), form
			if form.Get("Version") == "2016-11-15" {
				return call, ec2
			}
			return call, query
		}
	}
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		call.Operation = path.Base(r.URL.Path)
		return call, cborRPC
	}
	call.Operation = r.Method + " " + r.URL.Path
	if strings.HasPrefix(r.URL.Path, "/2013-04-01/") {
		return call, restXML
	}
	return call, rest
}

func (a Answer) write(w http.ResponseWriter, call Call, kind string) {
	failed := a.Code != ""
	status := a.Status
	if status == 0 {
		status = http.StatusOK
		if failed {
			status = http.StatusBadRequest
		}
	}
	body, message := a.Body, html.EscapeString(a.Message)
	switch kind {
	case jsonRPC, rest:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if failed {
			w.Header().Set("X-Amzn-Errortype", a.Code)
			text, _ := json.Marshal(map[string]string{"__type": a.Code, "message": a.Message})
			body = string(text)
		} else if body == "" {
			body = "{}"
		}
	case cborRPC:
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		if failed {
			text, _ := json.Marshal(map[string]string{"__type": a.Code, "message": a.Message})
			body = string(text)
		}
		body = asCBOR(body)
	case restXML:
		w.Header().Set("Content-Type", "text/xml")
		if failed {
			body = fmt.Sprintf(queryError, a.Code, message)
		}
	case query:
		w.Header().Set("Content-Type", "text/xml")
		body = fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", call.Operation, a.Body)
		if failed {
			body = fmt.Sprintf(queryError, a.Code, message)
		}
	case ec2:
		w.Header().Set("Content-Type", "text/xml")
		body = fmt.Sprintf("<%[1]sResponse>%[2]s</%[1]sResponse>", call.Operation, a.Body)
		if failed {
			body = fmt.Sprintf("<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors></Response>", a.Code, message)
		}
	}
	w.WriteHeader(status)
	io.WriteString(w, body) //nolint:errcheck // the caller sees a short answer
}
