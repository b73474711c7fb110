package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// failure is a request that the gateway itself answers.
type failure struct {
	kind    string // the gateway response's type
	status  int    // where the document has none
	message string
}

var (
	missingToken     = &failure{"MISSING_AUTHENTICATION_TOKEN", http.StatusForbidden, "Missing Authentication Token"}
	tooLarge         = &failure{"REQUEST_TOO_LARGE", http.StatusRequestEntityTooLarge, "HTTP content length exceeded 10485760 bytes."}
	wrongBody        = &failure{"BAD_REQUEST_BODY", http.StatusBadRequest, "Invalid request body"}
	timedOut         = &failure{"INTEGRATION_TIMEOUT", http.StatusGatewayTimeout, "Endpoint request timed out"}
	unreachable      = &failure{"INTEGRATION_FAILURE", http.StatusGatewayTimeout, "Network error communicating with endpoint"}
	tooLargeResponse = &failure{"DEFAULT_5XX", http.StatusInternalServerError, "Internal server error"}
)

func missingParameters(names []string) *failure {
	return &failure{
		"BAD_REQUEST_PARAMETERS",
		http.StatusBadRequest,
		"Missing required request parameters: [" + strings.Join(names, ", ") + "]",
	}
}

// gatewayResponse is the document's own form of a failure.
type gatewayResponse struct {
	StatusCode string            `json:"statusCode"`
	Parameters map[string]string `json:"responseParameters"`
	Templates  map[string]string `json:"responseTemplates"`
}

// ownTemplate is API Gateway's form where the document has none. It is not a problem document.
const ownTemplate = `{"message":$context.error.messageString}`

// refuse answers a request with a failure in the document's form, or else in the gateway's own.
func (d *document) refuse(w http.ResponseWriter, f *failure, requestID string) {
	response, ok := d.responses[f.kind]
	if !ok {
		response = d.responses["DEFAULT_"+strconv.Itoa(f.status/100)+"XX"]
	}
	template, ok := response.Templates["application/json"]
	if !ok {
		template = ownTemplate
	}
	message, _ := json.Marshal(f.message)
	body := strings.NewReplacer("$context.error.messageString", string(message), "$context.requestId", requestID).Replace(template)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Amzn-Requestid", requestID)
	for name, value := range response.Parameters {
		if name, ok := strings.CutPrefix(name, "gatewayresponse.header."); ok {
			header.Set(name, strings.Trim(value, "'"))
		}
	}
	status := f.status
	if n, err := strconv.Atoi(response.StatusCode); err == nil {
		status = n
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
