package console

import (
	"strconv"
	"strings"
	"time"

	"scalable-backend/services/backend"
)

// auditRows is how many of the latest changes the page of tokens shows.
const auditRows = 25

// tokensData is what the page of tokens shows.
type tokensData struct {
	Tokens      []tokenRow
	After       bool
	First, Next string
	Audit       []backend.AuditEvent
}

// tokenRow is one token. Own marks the one that the caller signed in with.
type tokenRow struct {
	backend.Token
	Live bool // neither revoked nor expired
	Own  bool
}

func (c *Console) tokens(q *request) (*page, error) {
	query := q.URL.Query()
	after, err := cursorOf(query.Get("after"))
	if err != nil {
		return nil, err
	}
	list, err := c.Service.ListTokens(q.Context(), backend.Page{Size: pageSize + 1, After: after})
	if err != nil {
		return nil, err
	}
	d := tokensData{After: after != backend.Cursor{}}
	more := len(list) > pageSize
	list = list[:min(len(list), pageSize)]
	var last backend.Cursor
	for _, t := range list {
		live := t.RevokedAt.IsZero() && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(q.now))
		d.Tokens = append(d.Tokens, tokenRow{t, live, "token:"+t.ID.String() == q.caller.ID})
		last = backend.Cursor{CreatedAt: t.CreatedAt, ID: t.ID}
	}
	d.First, d.Next = pages("/tokens", query, query.Get("renew"), more, last)
	if d.Audit, err = c.Service.ListAudit(q.Context(), auditRows); err != nil {
		return nil, err
	}
	return &page{template: "tokens", title: "Tokens", data: d}, nil
}

// madeData is the one page that shows a new token.
type madeData struct {
	Token  backend.Token
	Secret string
}

func (c *Console) makeToken(q *request) (*page, error) {
	form := q.PostForm
	t := backend.Token{Name: strings.TrimSpace(form.Get("name"))}
	var fields []backend.FieldError
	for _, text := range form["scope"] {
		t.Scopes = append(t.Scopes, backend.Scope(text))
	}
	if len(t.Scopes) == 0 {
		fields = append(fields, backend.FieldError{Pointer: "scope", Detail: "choose at least one"})
	}
	for _, s := range t.Scopes {
		if !known(s) {
			fields = append(fields, backend.FieldError{Pointer: "scope", Detail: "no such scope"})
		}
	}
	if t.Name == "" || len(t.Name) > 100 {
		fields = append(fields, backend.FieldError{Pointer: "name", Detail: "want 1 to 100 bytes"})
	}
	var ends *time.Time
	if text := strings.TrimSpace(form.Get("days")); text != "" {
		days, err := strconv.ParseUint(text, 10, 16)
		if err != nil || days < 1 || days > 9999 {
			fields = append(fields, backend.FieldError{Pointer: "days", Detail: "want 1 to 9999, or nothing for ever"})
		}
		t.ExpiresAt = q.now.AddDate(0, 0, int(days))
		ends = &t.ExpiresAt
	}
	if len(fields) > 0 {
		return nil, &backend.Error{Code: backend.Unprocessable, Detail: "the token was not made", Fields: fields}
	}
	if err := backend.ValidateToken(t.Name, ends, q.now); err != nil {
		return nil, err
	}
	secret, made, err := c.Host.MakeToken(q.Context(), t)
	if err != nil {
		return nil, err
	}
	return &page{template: "made", title: "A new token", data: madeData{made, secret}}, nil
}

func known(s backend.Scope) bool {
	for _, m := range scopes {
		if m.Scope == s {
			return true
		}
	}
	return false
}

// revokeToken revokes a token, after a confirmation.
func (c *Console) revokeToken(q *request) (*page, error) {
	id, err := pathID(q, "token")
	if err != nil {
		return nil, err
	}
	if q.PostFormValue("confirmed") == "" {
		t, err := c.Service.GetToken(q.Context(), id)
		if err != nil {
			return nil, err
		}
		lost := "Whoever uses it is refused from then on, and it cannot be made valid again."
		if "token:"+id.String() == q.caller.ID {
			lost = "It is the token that you signed in with: you will be signed out. " + lost
		}
		return confirmation("Revoke the token", t.Name, lost, q.URL.Path, localPath(q.PostFormValue("back"))), nil
	}
	if err := c.Host.RevokeToken(q.Context(), id); err != nil {
		return nil, err
	}
	return &page{redirect: did("/tokens", "revoked", 1)}, nil
}
