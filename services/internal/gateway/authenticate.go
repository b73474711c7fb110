package gateway

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxSkew is how far a request's time may be from the gateway's.
const maxSkew = 5 * time.Minute

// service is the name under which requests to API Gateway are signed.
const service = "execute-api"

// Identity is an IAM caller that the gateway knows.
type Identity struct {
	ARN                          string
	AccessKeyID, SecretAccessKey string
	SessionToken                 string // of temporary credentials; empty otherwise
}

// authenticate finds who signed a request.
func (h *Handler) authenticate(r *http.Request, body []byte) (Identity, *failure) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return Identity{}, missingToken
	}
	a, err := parseAuthorization(strings.Join(headers, ", "))
	if err != nil {
		return Identity{}, &failure{"INVALID_SIGNATURE", http.StatusForbidden, err.Error()}
	}
	invalid := func(format string, args ...any) (Identity, *failure) {
		return Identity{}, &failure{"INVALID_SIGNATURE", http.StatusForbidden, fmt.Sprintf(format, args...)}
	}
	at, err := time.Parse(timeFormat, r.Header.Get("X-Amz-Date"))
	if err != nil || !slices.Contains(a.signedHeaders, "x-amz-date") {
		return invalid("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if a.date != at.Format("20060102") || a.region != h.Region || a.service != service {
		return invalid("Credential should be scoped to correct service: '%s', and to a valid region: '%s'.", service, h.Region)
	}
	i := slices.IndexFunc(h.Identities, func(i Identity) bool { return i.AccessKeyID == a.accessKey })
	if i < 0 {
		return invalid("The security token included in the request is invalid.")
	}
	identity := h.Identities[i]
	if identity.SessionToken != r.Header.Get("X-Amz-Security-Token") ||
		identity.SessionToken != "" && !slices.Contains(a.signedHeaders, "x-amz-security-token") {
		return invalid("The security token included in the request is invalid.")
	}
	canonical, err := canonicalRequest(r, r.URL.EscapedPath(), a.signedHeaders, body)
	if err != nil {
		return invalid("%v", err)
	}
	if subtle.ConstantTimeCompare([]byte(a.sign(identity.SecretAccessKey, at, canonical)), []byte(a.signature)) != 1 {
		return invalid(
			"The request signature we calculated does not match the signature you provided. " +
				"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
		)
	}
	if time.Since(at).Abs() > maxSkew {
		return Identity{}, &failure{
			"EXPIRED_TOKEN",
			http.StatusForbidden,
			"Signature expired: " + at.Format(timeFormat) + " is too far from the gateway's time.",
		}
	}
	return identity, nil
}
