package api

import (
	"encoding/json"
	"strconv"
	"strings"
)

// gatewayResponse is what the gateway itself answers when a request does not reach the backend.
type gatewayResponse struct {
	StatusCode string            `json:"statusCode,omitempty"`
	Parameters map[string]string `json:"responseParameters"`
	Templates  map[string]string `json:"responseTemplates"`
}

// problem is RFC 9457, as the backend writes it.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status,omitempty"`
	Detail  string `json:"detail"`
	TraceID string `json:"trace_id"`
}

// failures are the answers of the gateway by response type. The defaults, which stand for every type without an entry,
// keep the status of the type, so their documents cannot name it.
var failures = map[string]struct {
	status int
	title  string
}{
	"ACCESS_DENIED":                {403, "Forbidden"},
	"API_CONFIGURATION_ERROR":      {500, "Internal Server Error"},
	"BAD_REQUEST_BODY":             {400, "Bad Request"},
	"BAD_REQUEST_PARAMETERS":       {400, "Bad Request"},
	"DEFAULT_4XX":                  {title: "Bad Request"},
	"DEFAULT_5XX":                  {title: "Internal Server Error"},
	"EXPIRED_TOKEN":                {403, "Forbidden"},
	"INTEGRATION_FAILURE":          {504, "Gateway Timeout"},
	"INTEGRATION_TIMEOUT":          {504, "Gateway Timeout"},
	"INVALID_SIGNATURE":            {403, "Forbidden"},
	"MISSING_AUTHENTICATION_TOKEN": {403, "Forbidden"},
	"REQUEST_TOO_LARGE":            {413, "Content Too Large"},
	"RESOURCE_NOT_FOUND":           {404, "Not Found"},
	"THROTTLED":                    {429, "Too Many Requests"},
	"UNAUTHORIZED":                 {401, "Unauthorized"},
	"UNSUPPORTED_MEDIA_TYPE":       {415, "Unsupported Media Type"},
	"WAF_FILTERED":                 {403, "Forbidden"},
}

// messageVariable is replaced by the gateway's own message, with its quotes. Templates know variables and nothing else.
const messageVariable = "$context.error.messageString"

func gatewayResponses() map[string]gatewayResponse {
	responses := map[string]gatewayResponse{}
	for name, f := range failures {
		text, err := json.Marshal(problem{
			Type: "about:blank", Title: f.title, Status: f.status, Detail: messageVariable, TraceID: "$context.requestId",
		})
		if err != nil {
			panic(err) // a struct of texts and a number always encodes
		}
		r := gatewayResponse{
			// The template is chosen by this key; the content type that the client sees is the header's.
			Parameters: map[string]string{"gatewayresponse.header.Content-Type": "'application/problem+json'"},
			Templates:  map[string]string{"application/json": strings.ReplaceAll(string(text), `"`+messageVariable+`"`, messageVariable)},
		}
		if f.status != 0 {
			r.StatusCode = strconv.Itoa(f.status)
		}
		if f.status == 429 {
			r.Parameters["gatewayresponse.header.Retry-After"] = "'1'"
		}
		responses[name] = r
	}
	return responses
}
