package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const maxAgents = 1000 // in one answer of the API

func (a *app) agentsCommand() *cobra.Command {
	var wide bool
	var limit int
	c := &cobra.Command{
		Use:   "agents",
		Short: "List the agents that the backend has heard of, the latest first",
		Long: `List the agents that the backend has heard of within a day, the one heard of last first, with the leases that they have now and
the bytes of these that are done.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error { return a.agents(c.Context(), limit, wide) },
	}
	c.Flags().IntVar(&limit, "limit", 100, fmt.Sprintf("at most so many, 1 to %d", maxAgents))
	c.Flags().BoolVar(&wide, "wide", false, wideHelp)
	return c
}

func (a *app) agents(ctx context.Context, limit int, wide bool) error {
	if limit < 1 || limit > maxAgents {
		return usagef("--limit: want 1 to %d, got %d", maxAgents, limit)
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	agents, err := backend.Agents(ctx, limit)
	if err != nil {
		return err
	}
	t := a.table(wide, 0, column{name: "ID", id: true}, column{name: "LEASES"}, column{name: "DONE"}, column{name: "HEARD OF"},
		column{name: "NAME", long: true}, column{name: "VERSION", wide: true}, column{name: "CALLER", wide: true})
	for _, one := range agents {
		name, version := "", ""
		if one.Name != nil {
			name = *one.Name
		}
		if one.Version != nil {
			version = *one.Version
		}
		t.row(one, one.Id, fmt.Sprint(one.Leases), size(one.BytesDone), at(one.LastSeenAt), name, version, one.Caller)
	}
	return t.flush()
}
