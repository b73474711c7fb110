package console

import (
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

const (
	// agentRows and agentWork are how many agents the page shows, and how many leases of each.
	agentRows = 40
	agentWork = 4
)

// agentRow is one agent with what it works on.
type agentRow struct {
	backend.Agent
	Gone bool // not heard of for two lease times
	Work []backend.Work
	More int // leases that are not shown
}

// agentsData is what the page of agents shows.
type agentsData struct {
	Text string
	Rows []agentRow
	More bool
	TTL  time.Duration
}

func (c *Console) agents(q *request) (*page, error) {
	text, err := searchText("text", q.URL.Query().Get("text"), maxText)
	if err != nil {
		return nil, err
	}
	rows, err := c.agentRows(q, text, agentRows+1, agentWork)
	if err != nil {
		return nil, err
	}
	d := agentsData{Text: text, Rows: rows[:min(len(rows), agentRows)], More: len(rows) > agentRows, TTL: 2 * c.Service.LeaseTTL()}
	return &page{template: "agents", title: "Agents", data: d, renew: renewal}, nil
}

func (c *Console) agentRows(q *request, text string, most, work int) ([]agentRow, error) {
	agents, err := c.Service.SearchAgents(q.Context(), text, most)
	if err != nil {
		return nil, err
	}
	type key struct {
		id     uuid.UUID
		caller string
	}
	leases := map[key][]backend.Work{}
	if work > 0 {
		ids := make([]uuid.UUID, len(agents))
		for i, a := range agents {
			ids[i] = a.ID
		}
		list, err := c.Service.ListWork(q.Context(), ids, work)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			leases[key{w.AgentID, w.Caller}] = append(leases[key{w.AgentID, w.Caller}], w)
		}
	}
	rows := make([]agentRow, len(agents))
	for i, a := range agents {
		held := leases[key{a.ID, a.Caller}]
		rows[i] = agentRow{a, q.now.Sub(a.LastSeen) > 2*c.Service.LeaseTTL(), held, a.Leases - len(held)}
	}
	return rows, nil
}
