package rollout

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"scalable-backend/cmd/ops/report"
)

const (
	requestTimeout = 30 * time.Second // API Gateway's own limit is 29 s
	attempts       = 3                // of a request that got no answer, or one of 5xx
	pause          = 5 * time.Second

	// callerHeader is the header in which API Gateway names the caller: services/backend/config.
	callerHeader = "X-Gateway-Caller"
	// forgedCaller is nobody: no account has this number.
	forgedCaller = "arn:aws:iam::000000000000:user/forged-by-ops-rollout"
)

// tryDoors sends requests as users and agents do.
func (s *session) tryDoors(ctx context.Context) {
	if url, err := s.stack.Output("loadBalancerUrl"); err != nil {
		s.say.Check(report.Unknown, "public door", "%v", err)
	} else {
		s.tryPublic(ctx, strings.TrimSuffix(url, "/"))
	}
	if url, err := s.stack.Output("apiUrl"); err != nil {
		s.say.Check(report.Unknown, "gateway door", "%v", err)
	} else {
		s.tryGateway(ctx, strings.TrimSuffix(url, "/"))
	}
}

// tryPublic asks for health and readiness, and then as somebody who says that API Gateway has let them in.
func (s *session) tryPublic(ctx context.Context, url string) {
	const name = "public door"
	if strings.HasPrefix(url, "http://") {
		s.say.Check(report.Note, name, "%s has no certificate (compute.certificateArn or compute.hostedZoneId): what passes it can be read", url)
	}
	health := "/healthz"
	if path := s.stack.Config("compute", "healthPath"); path != "" {
		health = path
	}
	for _, path := range slices.Compact([]string{health, "/readyz"}) {
		got, err := s.ask(ctx, request{url: url + path})
		switch {
		case err != nil:
			s.tellUnreachable(name, url+path, err)
			return
		case got.status == http.StatusOK:
			s.say.Check(report.OK, name, "GET %s: 200%s", url+path, got.version())
		case path == "/readyz" && got.status == http.StatusNotFound:
			s.say.Check(report.Note, name, "GET %s: 404, this backend has no such path", url+path)
		default:
			s.fault(name, "GET %s: %s, wanted 200", url+path, got)
		}
	}
	got, err := s.ask(ctx, request{url: url + "/v1/whoami", forged: true})
	s.tellForged(name, "without a token", url, got, err)
}

// tryGateway asks, signed with the caller's credentials, who the backend says that the caller is; then with a forged name, signed and not.
func (s *session) tryGateway(ctx context.Context, url string) {
	const name = "gateway door"
	whoami := url + "/v1/whoami"
	got, err := s.ask(ctx, request{url: whoami, signed: true})
	switch {
	case err != nil:
		s.tellUnreachable(name, whoami, err)
		return
	case got.status == http.StatusForbidden:
		s.say.Check(report.Note, name, "GET %s: %s: the caller has no execute-api:Invoke, so this was not tried", whoami, got)
	case got.status == http.StatusNotFound:
		s.say.Check(report.Note, name, "GET %s: 404, this backend has no such path", whoami)
	case got.status != http.StatusOK:
		s.fault(name, "GET %s, signed: %s, wanted 200", whoami, got)
	case got.id() != s.aws.ARN:
		s.fault(name, "GET %s, signed: the backend takes the caller for %q, who is %s", whoami, got.id(), s.aws.ARN)
	default:
		s.say.Check(report.OK, name, "GET %s, signed: 200, the caller is %s", whoami, got.id())
		forged, err := s.ask(ctx, request{url: whoami, signed: true, forged: true})
		if err == nil && forged.status == http.StatusOK && forged.id() == s.aws.ARN {
			s.say.Check(report.OK, name, "with a forged %s, signed: still the caller", callerHeader)
		} else {
			s.tellForged(name, "signed", url, forged, err)
		}
	}
	got, err = s.ask(ctx, request{url: whoami, forged: true})
	s.tellForged(name, "unsigned", url, got, err)
}

// tellForged judges the answer to a forged name: whatever refuses it is right.
func (s *session) tellForged(name, how, url string, got answer, err error) {
	what := fmt.Sprintf("with a forged %s, %s", callerHeader, how)
	switch {
	case err != nil:
		s.tellUnreachable(name, url+"/v1/whoami", err)
	case got.status >= 200 && got.status < 300:
		s.fault(name, "%s: %s: IT IS BELIEVED; whoever reaches this door can be anybody", what, got)
	case got.status >= 500:
		s.say.Check(report.Unknown, name, "%s: %s", what, got)
	default:
		s.say.Check(report.OK, name, "%s: refused with %d", what, got.status)
	}
}

// fault is a wrong answer of the backend.
func (s *session) fault(name, format string, args ...any) {
	s.backend.bad = true
	s.say.Check(report.Bad, name, format, args...)
}

// tellUnreachable says why there was no answer, and what to look at.
func (s *session) tellUnreachable(name, url string, err error) {
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &certificate):
		s.say.Check(report.Bad, name, "GET %s: the certificate is not accepted: %v", url, certificate.Err)
	case errors.As(err, &lookup) && lookup.IsNotFound:
		hint := ""
		if record, err := s.stack.Output("domainRecord"); err == nil {
			hint = "; make the record " + record
		}
		s.say.Check(report.Bad, name, "GET %s: the name %s does not exist%s", url, lookup.Name, hint)
	case errors.As(err, &network) && network.Timeout() && name == "public door":
		s.say.Check(report.Unknown, name, "GET %s: no answer within %s: is this address in compute.allowedCidrs? "+
			"-doors=false leaves the requests out", url, requestTimeout)
	default:
		s.say.Check(report.Unknown, name, "GET %s: no answer: %v", url, err)
	}
}

// request is one of a door's.
type request struct {
	url            string
	signed, forged bool
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
}

// ask sends a request until there is an answer that is no failure of the moment.
func (s *session) ask(ctx context.Context, r request) (got answer, err error) {
	for try := range attempts {
		if try > 0 {
			if err := s.env.Sleep(ctx, pause); err != nil {
				return got, err
			}
		}
		var certificate *tls.CertificateVerificationError
		got, err = s.send(ctx, r)
		if errors.As(err, &certificate) || err == nil && got.status < 500 {
			break
		}
	}
	return got, err
}

// send follows no redirect: a door answers by itself.
func (s *session) send(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	made, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return answer{}, err
	}
	made.Header.Set("User-Agent", "scalable-backend-ops")
	if r.forged {
		made.Header.Set(callerHeader, forgedCaller)
	}
	if r.signed {
		credentials, err := s.aws.Config.Credentials.Retrieve(ctx)
		if err != nil {
			return answer{}, err
		}
		nothing := sha256.Sum256(nil)
		err = v4.NewSigner().SignHTTP(ctx, credentials, made, hex.EncodeToString(nothing[:]), "execute-api", s.aws.Region, time.Now())
		if err != nil {
			return answer{}, err
		}
	}
	response, err := s.env.HTTP.RoundTrip(made)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return answer{response.StatusCode, body}, err
}

// id is the caller in the answer of /v1/whoami.
func (a answer) id() string {
	var caller struct{ ID string }
	_ = json.Unmarshal(a.body, &caller) // or it names none
	return caller.ID
}

// version is the backend's in an answer about its health.
func (a answer) version() string {
	var health struct{ Version string }
	if json.Unmarshal(a.body, &health) != nil || health.Version == "" {
		return ""
	}
	return ", version " + health.Version
}

// String is the status and what a problem says of itself.
func (a answer) String() string {
	var problem struct{ Title, Detail, Message string }
	_ = json.Unmarshal(a.body, &problem) // or it says nothing of itself
	text := fmt.Sprint(a.status)
	for _, said := range []string{problem.Title, problem.Detail, problem.Message} {
		if said != "" {
			text += ", " + cut(said)
		}
	}
	if text == fmt.Sprint(a.status) && len(a.body) > 0 {
		text += ", " + cut(string(a.body))
	}
	return text
}
