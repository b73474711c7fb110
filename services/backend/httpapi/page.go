package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// The cookie that holds the token. With the prefix, browsers refuse it from any host but this one, and without HTTPS.
const (
	plainCookie  = "backend-token"
	secureCookie = "__Host-backend-token"
)

const (
	pageItems = 12
	// throughputWindow is the time over which the page's throughput is measured.
	throughputWindow = 30 * time.Second
)

// page is the read-only page for people at GET /.
type page struct {
	api      *API
	template *template.Template
	policy   string
	origin   *http.CrossOriginProtection
	signIns  *limiter

	mu      sync.Mutex
	samples []sample // of the last throughputWindow, the oldest first
}

type sample struct {
	at    time.Time
	bytes int64
	files int64
}

func newPage(a *API) *page {
	css := sha256.Sum256([]byte(pageCSS))
	return &page{
		api:      a,
		template: template.Must(template.New("page").Funcs(pageFuncs).Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(css[:]) +
			"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		origin:  http.NewCrossOriginProtection(),
		signIns: newLimiter(rate.Limit(5), 20),
	}
}

func (p *page) register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", p.handler("page", p.show))
	mux.Handle("POST /sign-in", p.handler("pageSignIn", p.signIn))
	mux.Handle("POST /sign-out", p.handler("pageSignOut", p.signOut))
}

func (p *page) handler(route string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		infoOf(r.Context()).route = route
		ctx, cancel := context.WithTimeout(r.Context(), config.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		w.Header().Set("Content-Security-Policy", p.policy)
		w.Header().Set("X-Frame-Options", "DENY")
		err := p.origin.Check(r)
		if err != nil {
			err = &backend.Error{Code: backend.Forbidden, Detail: "another site's form", Cause: err}
		} else {
			err = serve(w, r)
		}
		if err != nil {
			p.api.fail(w, r, err)
		}
	})
}

// view is what the template shows. Signed out, it is the form alone.
type view struct {
	CSS       template.CSS
	Version   string
	Problem   string
	SignedIn  bool
	Now       time.Time
	Stats     backend.Stats
	Rate      float64 // bytes per second
	FileRate  float64 // files per second
	Window    time.Duration
	ShowFiles bool
	Files     []backend.File
	ShowJobs  bool
	Jobs      []backend.Job
	Agents    []backend.Agent
}

func (p *page) show(w http.ResponseWriter, r *http.Request) error {
	caller, err := p.caller(r)
	if backend.CodeOf(err) == backend.Unauthorized {
		return p.render(w, http.StatusOK, view{})
	}
	if err == nil {
		err = p.api.limiter.allow(caller.ID)
	}
	if err != nil {
		return err
	}
	infoOf(r.Context()).caller = caller.ID
	v, err := p.view(r.Context(), caller)
	if err != nil {
		return err
	}
	return p.render(w, http.StatusOK, v)
}

// view shows a caller what its scopes let it read.
func (p *page) view(ctx context.Context, caller backend.Caller) (view, error) {
	v := view{SignedIn: true, Now: time.Now(), ShowFiles: caller.Has(backend.FilesRead), ShowJobs: caller.Has(backend.Jobs)}
	service := p.api.service
	var err error
	if v.Stats, err = service.Stats(ctx); err != nil {
		return view{}, err
	}
	if v.ShowFiles {
		if v.Files, err = service.ListFiles(ctx, backend.FileFilter{}, backend.Page{Size: pageItems}); err != nil {
			return view{}, err
		}
	}
	if v.ShowJobs {
		if v.Jobs, err = service.ListJobs(ctx, backend.JobFilter{}, backend.Page{Size: pageItems}); err != nil {
			return view{}, err
		}
		if v.Agents, err = service.ListAgents(ctx, 2*pageItems); err != nil {
			return view{}, err
		}
	}
	v.Rate, v.FileRate, v.Window = p.throughput(sample{v.Now, v.Stats.BytesDelivered, v.Stats.Succeeded})
	return v, nil
}

// throughput compares the numbers now with the oldest that the page has shown within the window.
func (p *page) throughput(now sample) (bytes, files float64, window time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = slices.DeleteFunc(p.samples, func(s sample) bool { return now.at.Sub(s.at) > throughputWindow })
	if n := len(p.samples); n == 0 || now.at.Sub(p.samples[n-1].at) > time.Second/2 {
		p.samples = append(p.samples, now)
	}
	first := p.samples[0]
	window = now.at.Sub(first.at)
	if window < time.Second/2 {
		return 0, 0, 0
	}
	return max(0, float64(now.bytes-first.bytes)/window.Seconds()), max(0, float64(now.files-first.files)/window.Seconds()), window
}

func (p *page) render(w http.ResponseWriter, status int, v view) error {
	v.CSS, v.Version = template.CSS(pageCSS), p.api.config.Version //nolint:gosec // G203: the page's own style sheet
	var b bytes.Buffer
	if err := p.template.Execute(&b, v); err != nil {
		return fmt.Errorf("rendering the page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := b.WriteTo(w)
	return err
}

func (p *page) caller(r *http.Request) (backend.Caller, error) {
	for _, name := range []string{secureCookie, plainCookie} {
		if cookie, err := r.Cookie(name); err == nil {
			return p.api.tokens.caller(r.Context(), cookie.Value)
		}
	}
	return backend.Caller{}, errToken
}

func (p *page) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := p.signIns.allow(""); err != nil {
		return err
	}
	token := strings.TrimSpace(r.PostFormValue("token"))
	if _, err := p.api.tokens.caller(r.Context(), token); backend.CodeOf(err) == backend.Unauthorized {
		return p.render(w, http.StatusUnauthorized, view{Problem: "This token is unknown, revoked or expired."})
	} else if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, token, 12*time.Hour))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (p *page) signOut(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, cookie(r, "", -time.Second))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
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

var pageFuncs = template.FuncMap{
	"bytes": func(n any) string {
		f := 0.0
		switch n := n.(type) {
		case int64:
			f = float64(n)
		case float64:
			f = n
		}
		units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
		i := 0
		for ; f >= 1024 && i < len(units)-1; i++ {
			f /= 1024
		}
		if i == 0 || f >= 100 {
			return fmt.Sprintf("%.0f %s", f, units[i])
		}
		return fmt.Sprintf("%.1f %s", f, units[i])
	},
	"ago": func(now, then time.Time) string {
		return max(now.Sub(then), 0).Round(time.Second).String()
	},
	// The end of an id: ids of rows begin with the time, so rows made together begin alike.
	"short": func(id fmt.Stringer) string { text := id.String(); return text[len(text)-8:] },
	"time":  func(t time.Time) string { return t.UTC().Format("15:04:05") },
}
