package account

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"scalable-backend/cmd/ops/command"
)

// Kind says why AWS gave no answer.
type Kind int

// The kinds of errors.
const (
	Refused   Kind = iota // AWS answered: the request is wrong, or names what is not there
	Denied                // the caller may not do this
	Ended                 // the credentials have expired
	Missing               // there are none, or AWS does not know them
	Network               // no answer came
	Throttled             // too many requests, for longer than the SDK repeats them
	Stopped               // Ctrl-C
)

// The error codes, as the services' API references have them under "Common Errors".
var (
	endedCodes = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidGrantException"}
	wrongCodes = []string{"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure", "SignatureDoesNotMatch",
		"InvalidSignatureException", "IncompleteSignature", "InvalidToken", "MissingAuthenticationToken"}
	deniedCodes = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException", "NotAuthorized"}
	throttled   = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "RequestThrottled"}
)

// endedTexts are what the SDK says of a session of IAM Identity Center or of `aws login` that has ended: those errors have no code.
var endedTexts = []string{"sso session has expired", "refresh cached sso token failed", "cached sso token is expired", "token has expired",
	"session has expired", "security token included in the request is expired"}

// KindOf tells what kind an error of the SDK is.
func KindOf(err error) Kind {
	var api smithy.APIError
	var sending *smithyhttp.RequestSendError
	var network net.Error
	text := strings.ToLower(err.Error())
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Stopped
	case slices.Contains(endedCodes, code), slices.ContainsFunc(endedTexts, func(t string) bool { return strings.Contains(text, t) }):
		return Ended
	case slices.Contains(wrongCodes, code):
		return Missing
	case slices.Contains(deniedCodes, code):
		return Denied
	case slices.Contains(throttled, code):
		return Throttled
	case code != "":
		return Refused
	case strings.Contains(text, "failed to refresh cached credentials"), strings.Contains(text, "no ec2 imds role found"),
		strings.Contains(text, "failed to get shared config profile"):
		return Missing
	case errors.As(err, &sending), errors.As(err, &network), errors.Is(err, context.DeadlineExceeded): // a deadline is this program's own
		return Network
	}
	return Refused
}

// Explain says what an error of the SDK means, and how to mend it. Its exit status is Unfinished when the same command may work later. An
// error that has a status already stays as it is.
func Explain(err error) error {
	var exit command.Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	again := func(format string, args ...any) error {
		return command.With(command.Unfinished, fmt.Errorf(format, args...))
	}
	switch KindOf(err) {
	case Ended:
		return again("the AWS credentials have expired: get new ones (aws sso login, or as you got these) and run it again (%w)", short(err))
	case Missing:
		return again("there are no valid AWS credentials: set AWS_PROFILE, or sign in (aws sso login), and run it again (%w)", short(err))
	case Network:
		return again("AWS cannot be reached: look at the network and run it again (%w)", short(err))
	case Throttled:
		return again("AWS takes no more requests for now: run it again later (%w)", short(err))
	case Denied:
		return fmt.Errorf("the caller may not do this: docs/ops.md lists the permissions of each command (%w)", short(err))
	case Stopped:
		return command.With(command.Unfinished, err)
	}
	return short(err)
}

// prefixes are the services whose permissions begin with another word than their name in the SDK.
var prefixes = map[string]string{"cloudwatchlogs": "logs", "elasticloadbalancingv2": "elasticloadbalancing", "configservice": "config"}

// short is an error without what the SDK adds and no reader needs: the number of attempts, the request's id, the status of HTTP.
func short(err error) error {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return err
	}
	name := strings.ToLower(strings.ReplaceAll(operation.ServiceID, " ", ""))
	if prefix, ok := prefixes[name]; ok {
		name = prefix
	}
	name += ":" + operation.OperationName
	var api smithy.APIError
	if errors.As(err, &api) {
		return &shortError{fmt.Sprintf("%s: %s: %s", name, api.ErrorCode(), api.ErrorMessage()), err}
	}
	return &shortError{name + ": " + detail(operation.Err), err}
}

// detail is what happened, of a failure without an error code: of the network the connection's error, of anything else the SDK's text
// without how it came there.
func detail(err error) string {
	var connection *net.OpError
	if errors.As(err, &connection) {
		return connection.Error()
	}
	if KindOf(err) == Network {
		cause := err
		for next := err; next != nil; next = errors.Unwrap(next) {
			cause = next
		}
		return cause.Error()
	}
	text := err.Error()
	for _, way := range []string{"get identity: ", "get credentials: ", "failed to refresh cached credentials, "} {
		text = strings.TrimPrefix(text, way)
	}
	return text
}

type shortError struct {
	text string
	err  error
}

func (e *shortError) Error() string { return e.text }
func (e *shortError) Unwrap() error { return e.err }
