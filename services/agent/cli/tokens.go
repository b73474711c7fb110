package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scalable-backend/services/api"
)

func (a *app) tokensCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "tokens",
		Short: "Make, list and revoke bearer tokens (scope admin)",
		Args:  func(_ *cobra.Command, args []string) error { return unknownCommand(args) },
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.createTokenCommand(), a.listTokensCommand(), a.revokeTokenCommand())
	noFiles(c.Commands())
	return c
}

func (a *app) createTokenCommand() *cobra.Command {
	var scopes []string
	var lifetime time.Duration
	c := &cobra.Command{
		Use:   "create <name>",
		Short: "Make a token; it is shown this once",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usagef("want a name for the token")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("expires-in") && lifetime <= 0 { // 0 is no way to say "for ever": a script may have computed it
				return usagef("--expires-in: want more than 0, got %v", lifetime)
			}
			return a.createToken(c.Context(), args[0], scopes, lifetime)
		},
	}
	c.Flags().StringSliceVar(&scopes, "scope", nil, "what it may do: files:read, files:write, jobs, admin; several, or a comma list")
	c.Flags().DurationVar(&lifetime, "expires-in", 0, "how long it is valid, 720h for 30 days (default for ever)")
	complete(c, "scope", "files:read", "files:write", "jobs", "admin")
	return c
}

func (a *app) createToken(ctx context.Context, name string, scopes []string, lifetime time.Duration) error {
	n := api.NewToken{Name: name}
	for _, s := range scopes {
		if !api.Scope(s).Valid() {
			return usagef("--scope: want files:read, files:write, jobs or admin, got %q", s)
		}
		if !slices.Contains(n.Scopes, api.Scope(s)) {
			n.Scopes = append(n.Scopes, api.Scope(s))
		}
	}
	if len(n.Scopes) == 0 {
		return usagef("--scope: required")
	}
	if lifetime > 0 {
		end := time.Now().Add(lifetime)
		n.ExpiresAt = &end
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	t, err := backend.CreateToken(ctx, n)
	if err != nil {
		return err
	}
	return a.fields(t, [][2]string{
		{"token", t.Token}, {"id", t.Info.Id}, {"name", t.Info.Name}, {"scopes", scopesOf(t.Info)}, {"expires", expiry(t.Info)},
	})
}

func scopesOf(t api.Token) string {
	var all []string
	for _, s := range t.Scopes {
		all = append(all, string(s))
	}
	return strings.Join(all, ",")
}

func expiry(t api.Token) string {
	if t.ExpiresAt == nil {
		return "never"
	}
	return at(*t.ExpiresAt)
}

func (a *app) listTokensCommand() *cobra.Command {
	var wide bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List tokens, newest first",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			_, backend, err := a.session(c.Context())
			if err != nil {
				return err
			}
			defer backend.Close()
			t := a.table(wide, 0, column{name: "ID", id: true}, column{name: "STATE"}, column{name: "EXPIRES"},
				column{name: "SCOPES", long: true}, column{name: "NAME", long: true}, column{name: "CREATED", wide: true})
			for token, err := range backend.Tokens(c.Context()) {
				if err != nil {
					return err
				}
				state := "valid"
				switch {
				case token.RevokedAt != nil:
					state = "revoked"
				case token.ExpiresAt != nil && token.ExpiresAt.Before(time.Now()):
					state = "expired"
				}
				t.row(token, token.Id, state, expiry(token), scopesOf(token), token.Name, at(token.CreatedAt))
			}
			return t.flush()
		},
	}
	c.Flags().BoolVar(&wide, "wide", false, wideHelp)
	return c
}

func (a *app) revokeTokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke <token-id>...",
		Short: "Revoke tokens",
		Args:  atLeast(1, "at least one token's id"),
		RunE: func(c *cobra.Command, args []string) error {
			_, backend, err := a.session(c.Context())
			if err != nil {
				return err
			}
			defer backend.Close()
			p := a.printer()
			defer p.close()
			b := newBatch(c.Context(), 1)
			for _, start := range args {
				b.do(start, func(ctx context.Context) error {
					id, err := tokenID(backend.Tokens(ctx), start)
					if err == nil {
						err = backend.RevokeToken(ctx, id)
					}
					if err != nil {
						return err
					}
					p.result(map[string]string{"id": id, "state": "revoked"}, "%s  revoked", id)
					return nil
				})
			}
			return b.wait()
		},
	}
	c.ValidArgsFunction = a.completion(tokenHints)
	return c
}

// tokenID returns the id of the token whose id begins so.
func tokenID(all iter.Seq2[api.Token, error], start string) (string, error) {
	if idPattern.MatchString(start) {
		return start, nil
	}
	if !idStart.MatchString(start) {
		return "", usagef("%q is no token's id: want a UUID in lower case, or 8 or more characters of its beginning", start)
	}
	var found []string
	for t, err := range all {
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(t.Id, start) {
			found = append(found, t.Id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no token's id begins with %s: %w", start, errNotFound)
	case 1:
		return found[0], nil
	}
	return "", usagef("the ids of %d tokens begin with %s: give more of it", len(found), start)
}
