package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "-h", "--help"} {
		b := opstest.NewBench(t, opstest.NewAWS(t))
		require.Equal(t, command.Done, run(t.Context(), b.Env, []string{args}))
		require.Empty(t, b.Err.String())
		for _, c := range commands {
			require.Contains(t, b.Out.String(), "  ops "+c.Name)
		}
	}
	for _, c := range commands {
		for _, args := range [][]string{{c.Name, "-h"}, {"help", c.Name}} {
			b := opstest.NewBench(t, opstest.NewAWS(t))
			require.Equal(t, command.Done, run(t.Context(), b.Env, args), c.Name)
			require.Empty(t, b.Err.String())
			require.True(t, strings.HasPrefix(b.Out.String(), "ops "+c.Name+": "+c.Summary), b.Out.String())
			require.Contains(t, b.Out.String(), "\nusage: ops "+c.Name+" ")
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"":           "ops works on a stack",
		"rollouts":   `ops: there is no command "rollouts": "ops help" lists them`,
		"help nope":  `ops: there is no command "nope"`,
		"-x rollout": `ops: there is no command "-x"`,
	}
	for _, c := range commands {
		cases[c.Name+" -nope"] = "ops " + c.Name + ": provided but not defined: -nope (ops " + c.Name + " -h lists the flags)"
	}
	for line, want := range cases {
		b := opstest.NewBench(t, opstest.NewAWS(t))
		require.Equal(t, command.Misused, run(t.Context(), b.Env, strings.Fields(line)), line)
		require.Contains(t, b.Err.String(), want)
		require.Empty(t, b.Out.String())
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx    context.Context
		err    error
		status int
		text   string
	}{
		{t.Context(), nil, 0, ""},
		{t.Context(), errors.New("no such thing"), 1, "no such thing\n"},
		{t.Context(), errors.New("a \x1b[31mred\x07\r log\nline"), 1, "a \\u001b[31mred\\u0007 log\nline\n"},
		{t.Context(), command.With(command.Failed, nil), 1, ""},
		{t.Context(), command.With(command.Unfinished, errors.New("no network")), 3, "no network\n"},
		{ended, errors.New("operation error: context canceled"), 3, "ops x: interrupted; it can be run again\n"},
		{ended, command.With(command.Misused, errors.New("ops x: what?")), 2, "ops x: what?\n"},
	} {
		b := opstest.NewBench(t, opstest.NewAWS(t))
		require.Equal(t, c.status, finish(c.ctx, b.Env, command.Command{Name: "x"}, c.err))
		require.Equal(t, c.text, b.Err.String())
	}
}
