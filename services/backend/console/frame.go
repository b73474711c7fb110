package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalable-backend/services/backend"
)

var (
	//go:embed console.css
	styleSheet string
	//go:embed console.js
	script string
	//go:embed templates
	files embed.FS
)

// contentPolicy lets in the one style sheet and the one script by their digests, and nothing else.
func contentPolicy() string {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + digest(styleSheet) + "; script-src " + digest(script) +
		"; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// parseTemplates reads one template for each page, each with the layout.
func parseTemplates() (map[string]*template.Template, error) {
	const layout = "templates/layout.html"
	names, err := files.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for _, entry := range names {
		file := "templates/" + entry.Name()
		if file == layout {
			continue
		}
		t, err := template.New("layout.html").Funcs(functions).ParseFS(files, layout, "templates/parts.html", file)
		if err != nil {
			return nil, fmt.Errorf("reading the page %s: %w", entry.Name(), err)
		}
		all[strings.TrimSuffix(entry.Name(), ".html")] = t
	}
	return all, nil
}

// frame is what the layout shows around a page.
type frame struct {
	Style   template.CSS
	Script  template.JS
	Part    bool // only what is renewed: the browser has the rest
	Version string
	Title   string
	Now     time.Time

	SignedIn bool
	Caller   backend.Caller
	Links    []link
	Proof    string // for forms
	Here     string // the path and query of this page, without what only tells of an action

	Renew    int    // seconds between two renewals; 0 for none
	CanRenew bool   // the page would renew itself, but is paused or is not
	Toggle   string // where to go to pause, or to go on
	Failed   bool
	Again    bool // the browser is to ask once more, at once
	Notice   string
	Page     any
}

// link is one entry of the navigation.
type link struct {
	Name, Path string
	Current    bool
}

var navigation = []struct {
	name, path string
	scope      backend.Scope
}{
	{"Overview", "/", ""}, {"Jobs", "/jobs", backend.Jobs}, {"Files", "/files", backend.FilesRead},
	{"Agents", "/agents", backend.Jobs}, {"Tokens", "/tokens", backend.Admin},
}

func links(caller backend.Caller, path string) (list []link) {
	for _, n := range navigation {
		if n.scope == "" || caller.Has(n.scope) {
			current := n.path == path || n.path != "/" && strings.HasPrefix(path, n.path+"/")
			list = append(list, link{n.name, n.path, current})
		}
	}
	return list
}

func (c *Console) frame(q *request, p *page) frame {
	query := q.URL.Query()
	f := frame{
		Style: template.CSS(styleSheet), Script: template.JS(script), //nolint:gosec // G203: the console's own
		Part: q.Header.Get("X-Renew") != "", Version: c.Version, Title: p.title, Now: q.now, Failed: p.failed,
		Again: p.again, SignedIn: q.caller.ID != "", Caller: q.caller, Page: p.data,
	}
	if f.SignedIn {
		f.Links, f.Proof = links(q.caller, q.URL.Path), c.proof(q.token)
	}
	f.Notice = notice(query)
	query.Del("did")
	query.Del("n")
	f.Here = address(q.URL.Path, query)
	if p.renew > 0 && q.Method == http.MethodGet {
		f.CanRenew = true
		paused := query.Get("renew") == "off"
		if paused {
			query.Del("renew")
		} else {
			f.Renew = max(1, int(math.Ceil(p.renew.Seconds())))
			query.Set("renew", "off")
		}
		f.Toggle = address(q.URL.Path, query)
	}
	return f
}

func address(path string, query url.Values) string {
	for name, values := range query {
		if query[name] = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(query[name]) == 0 {
			delete(query, name)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// write sends an answer.
func (c *Console) write(q *request, p *page) {
	header := q.w.Header()
	if p.redirect != "" {
		http.Redirect(q.w, q.Request, p.redirect, http.StatusSeeOther)
		return
	}
	var b bytes.Buffer
	if err := c.templates[p.template].Execute(&b, c.frame(q, p)); err != nil {
		c.Host.Note(q.Context(), "", q.caller, fmt.Errorf("making the page %s: %w", p.template, err))
		http.Error(q.w, "This page cannot be shown; the reason has been logged.", http.StatusInternalServerError)
		return
	}
	header.Set("Content-Security-Policy", c.policy)
	header.Set("X-Frame-Options", "DENY")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(b.Len()))
	if p.status != 0 {
		q.w.WriteHeader(p.status)
	}
	_, _ = b.WriteTo(q.w) // a browser that is gone does not hear of it
}
