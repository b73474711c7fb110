package console

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"scalable-backend/services/backend"
)

// The cookie that holds the token. With the prefix, browsers refuse it from any host but this one, and without HTTPS.
const (
	plainCookie  = "backend-token"
	secureCookie = "__Host-backend-token"
	signedInFor  = 12 * time.Hour
)

var errSignedOut = backend.Errorf(backend.Unauthorized, "nobody has signed in")

// identify finds out who asks. While the database does not answer, it tells so of whoever was known lately.
func (c *Console) identify(q *request) error {
	for _, name := range []string{secureCookie, plainCookie} {
		cookie, err := q.Cookie(name)
		if err != nil {
			continue
		}
		q.token = cookie.Value
		q.caller, err = c.Host.Caller(q.Request, q.token)
		if backend.CodeOf(err) == backend.Unavailable {
			q.caller, _ = c.Host.Lately(q.token)
		}
		return err
	}
	return errSignedOut
}

// proof is what a form of a sign-in carries. SameSite cookies alone are not enough: they are sent with the forms of every other host
// of the same domain, and some browsers send them although a page was opened from elsewhere.
func (c *Console) proof(token string) string {
	mac := hmac.New(sha256.New, c.formKey)
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (c *Console) proven(q *request) bool {
	return hmac.Equal([]byte(q.PostFormValue("proof")), []byte(c.proof(q.token)))
}

// signInData is what the sign-in form shows. Next is where it leads.
type signInData struct{ Problem, Next string }

// signInPage asks for a token. A link of another site comes without the cookie, so the browser asks once more from this page.
func (c *Console) signInPage(q *request, problem string) *page {
	next := localPath(q.URL.RequestURI())
	if q.Method == http.MethodPost {
		next = localPath(cmp.Or(q.PostFormValue("next"), q.PostFormValue("back")))
	}
	p := &page{template: "signin", title: "Sign in", data: signInData{Problem: problem, Next: next}}
	p.again = q.Method == http.MethodGet && q.Header.Get("Sec-Fetch-Site") == "cross-site" && q.token == ""
	if problem != "" {
		p.status = http.StatusUnauthorized
	}
	return p
}

func (c *Console) signIn(q *request) (*page, error) {
	token := strings.TrimSpace(q.PostFormValue("token"))
	caller, err := c.Host.SignIn(q.Request, token)
	if backend.CodeOf(err) == backend.Unauthorized {
		return c.signInPage(q, "This token is unknown, revoked or expired."), nil
	}
	if err != nil {
		return nil, err
	}
	q.caller = caller
	http.SetCookie(q.w, cookie(q.Request, token, signedInFor))
	return &page{redirect: localPath(q.PostFormValue("next"))}, nil
}

func (c *Console) signOut(q *request) (*page, error) {
	http.SetCookie(q.w, cookie(q.Request, "", -time.Second))
	return &page{redirect: "/"}, nil
}

// cookie is Secure where the browser came by HTTPS, which ends at the load balancer.
func cookie(r *http.Request, token string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: plainCookie, Value: token, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		c.Name, c.Secure = secureCookie, true
	}
	return c
}

// localPath returns a path of this site with its query, or "/" for everything else: a form must not lead elsewhere.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") {
		return "/"
	}
	if strings.HasPrefix(u.Path, "//") || strings.ContainsAny(text, "\\\t\r\n") {
		return "/"
	}
	return u.RequestURI()
}
