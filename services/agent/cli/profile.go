package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"scalable-backend/services/agent/config"
)

const defaultProfile = "default"

// profile is where a person's commands go, and the token for it. The two belong together: a stored token is never sent to
// another URL.
type profile struct {
	APIURL string `json:"api_url"`
	Token  string `json:"token"`
}

// profileFile is where profiles are stored; "" without a home directory.
func (a *app) profileFile() string {
	if d := a.env["XDG_CONFIG_HOME"]; filepath.IsAbs(d) {
		return filepath.Join(d, "scalable-backend", "profiles.json")
	}
	if d := a.env["HOME"]; filepath.IsAbs(d) {
		return filepath.Join(d, ".config", "scalable-backend", "profiles.json")
	}
	return ""
}

func (a *app) profiles() (map[string]profile, error) {
	all := map[string]profile{}
	file := a.profileFile()
	if file == "" {
		return all, nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the profiles: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, usagef("%s holds tokens, and other users may read it: chmod 600 %s", file, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the profiles: %w", err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, usagef("%s is not a file of profiles (%w): run agent login again", file, err)
	}
	return all, nil
}

// withProfile adds a stored URL and token to an environment that names no URL.
func (a *app) withProfile(env map[string]string) (map[string]string, error) {
	if env["AGENT_API_URL"] != "" && a.profile == defaultProfile {
		return env, nil
	}
	all, err := a.profiles()
	if err != nil {
		return nil, err
	}
	p, ok := all[a.profile]
	switch {
	case ok:
		env["AGENT_API_URL"], env["AGENT_AUTH"] = p.APIURL, config.AuthToken
		if a.token == "" { // AGENT_TOKEN may belong to another API
			env["AGENT_TOKEN"] = p.Token
		}
	case a.profile != defaultProfile:
		return nil, usagef("--profile: no profile %q in %s: see agent login --help", a.profile, a.profileFile())
	}
	return env, nil
}

func (a *app) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "login <api-url>",
		Short: "Store the URL of the API and a token, for the other commands",
		Long: `Store the URL of the API and a bearer token in ~/.config/scalable-backend/profiles.json, which nobody else may read. The token
comes from --token or AGENT_TOKEN, or is asked for, or read from standard input. It is tried before it is stored. With --profile,
several can be stored. A command uses the default profile when AGENT_API_URL is not set.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want the API's URL")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.login(c.Context(), args[0]) },
	}
}

func (a *app) login(ctx context.Context, url string) error {
	if a.profileFile() == "" {
		return usagef("without HOME and XDG_CONFIG_HOME there is no place for a profile")
	}
	token := a.flagged()["AGENT_TOKEN"]
	if token == "" {
		var err error
		if token, err = a.askToken(ctx); err != nil {
			return err
		}
	}
	cfg, err := config.ParseClient(map[string]string{"AGENT_API_URL": url, "AGENT_TOKEN": token})
	if err != nil {
		return usageError{err}
	}
	backend, err := connect(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer backend.Close()
	caller, err := backend.Whoami(ctx)
	if err != nil {
		return fmt.Errorf("trying the token: %w", err)
	}
	if err := a.store(profile{APIURL: url, Token: token}); err != nil {
		return fmt.Errorf("storing the profile: %w", err)
	}
	p := a.printer()
	defer p.close()
	p.result(map[string]any{"profile": a.profile, "caller": caller.Id, "file": a.profileFile()},
		"logged in as %s; stored as profile %s in %s", caller.Id, a.profile, a.profileFile())
	return nil
}

func (a *app) askToken(ctx context.Context) (string, error) {
	if f, ok := a.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if state, err := term.GetState(int(f.Fd())); err == nil {
			defer context.AfterFunc(ctx, func() { _ = term.Restore(int(f.Fd()), state) })() // Ctrl-C must not leave it without echo
		}
		fmt.Fprint(a.errOut, "Token: ")
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.errOut)
		return strings.TrimSpace(string(typed)), err
	}
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// store writes a profile, by a rename, so that a crash leaves the old file or the new one.
func (a *app) store(p profile) error {
	all, err := a.profiles()
	if err != nil {
		return err
	}
	all[a.profile] = p
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	file := a.profileFile()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".profiles-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
