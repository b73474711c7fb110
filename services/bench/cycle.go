package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The ceiling of the queue: pgbench with the statements that the backend sends, taken from the server's own log, so that it is always
// this backend's SQL that is compared.

// sentence is a statement as the log tells of it.
type sentence struct {
	SQL  string
	Args map[int]string // by number; NULL is left out
}

// logged are the sentences of one transaction.
type logged []sentence

var (
	executed = regexp.MustCompile(`(?s)^(?:execute [^:]*|statement): (.*)$`)
	argument = regexp.MustCompile(`(?s)\$(\d+) = (NULL|'(?:[^']|'')*')`)
)

// parseLog reads transactions, in the order of their first statements, from a log in PostgreSQL's JSON format.
func parseLog(text string) (all []logged, err error) {
	at := map[string]int{}
	for line := range strings.Lines(text) {
		var entry struct {
			Session               string `json:"session_id"`
			VXID, Message, Detail string
		}
		if !strings.HasSuffix(line, "\n") { // it is just being written
			break
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			return nil, fmt.Errorf("reading the server's log: %w", err)
		}
		found := executed.FindStringSubmatch(entry.Message)
		if found == nil {
			continue
		}
		s := sentence{SQL: found[1], Args: map[int]string{}}
		for _, a := range argument.FindAllStringSubmatch(entry.Detail, -1) {
			if n, err := strconv.Atoi(a[1]); err == nil && a[2] != "NULL" {
				s.Args[n] = strings.ReplaceAll(a[2][1:len(a[2])-1], "''", "'")
			}
		}
		key := entry.Session + " " + entry.VXID
		if _, ok := at[key]; !ok {
			at[key] = len(all)
			all = append(all, nil)
		}
		all[at[key]] = append(all[at[key]], s)
	}
	return all, nil
}

var uuidText = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// mentions counts the ids for which is holds in the argument that has most of them.
func (l logged) mentions(is func(uuid.UUID) bool) (most int) {
	for _, s := range l {
		for _, a := range s.Args {
			n := 0
			for _, id := range uuidText.FindAllString(a, -1) {
				if is(uuid.MustParse(id)) {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return most
}

// cycle is the work of a group of agents: they claim, and report success of what they got.
type cycle struct {
	claim, report     logged
	Agents, Reports   int // claims in a transaction of claims, outcomes in one of outcomes
	leases, claimants func(uuid.UUID) bool
}

// jobs is how many jobs one cycle works off.
func (c cycle) jobs(batch int) int { return c.Agents * batch }

// typical picks from a log the transactions of claims and of outcomes whose size is nearest to the mean.
func typical(all []logged, leases, claimants func(uuid.UUID) bool) (c cycle, err error) {
	var claims, reports []logged
	for _, l := range all {
		switch {
		case l.mentions(leases) > 0:
			reports = append(reports, l)
		case l.mentions(claimants) > 0:
			claims = append(claims, l)
		}
	}
	if len(claims) == 0 || len(reports) == 0 {
		return c, fmt.Errorf("the server's log has %d transactions of claims and %d of outcomes", len(claims), len(reports))
	}
	c = cycle{leases: leases, claimants: claimants}
	c.claim, c.Agents = nearest(claims, claimants)
	c.report, c.Reports = nearest(reports, leases)
	return c, nil
}

// nearest returns the transaction whose mentions are nearest to the mean, and how many these are.
func nearest(all []logged, is func(uuid.UUID) bool) (l logged, n int) {
	sum := 0
	for _, l := range all {
		sum += l.mentions(is)
	}
	mean := float64(sum) / float64(len(all))
	l = slices.MinFunc(all, func(a, b logged) int {
		far := func(l logged) float64 { return max(float64(l.mentions(is))-mean, mean-float64(l.mentions(is))) }
		return int(1000 * (far(a) - far(b)))
	})
	return l, l.mentions(is)
}

// script writes a cycle for a pgbench with agents of its own, as a script and its variables. Which leases are reported is asked from the
// index of live leases: pgbench cannot keep the list that a claim returns. And outcomes wait for rows that a claim has just tried to get:
// the backend passes them over and reports them alone, which waits too.
func (c cycle) script(batch int) (text string, variables []string) {
	fresh := map[string]string{}
	var agents []string
	for _, s := range c.claim {
		for _, a := range s.Args {
			for _, id := range uuidText.FindAllString(a, -1) {
				if c.claimants(uuid.MustParse(id)) && fresh[id] == "" {
					fresh[id] = uuid.NewString()
					agents = append(agents, fresh[id])
				}
			}
		}
	}
	variables = []string{"agents={" + strings.Join(agents, ",") + "}"}
	var b strings.Builder
	write := func(name string, l logged, many int) {
		pipelined := !strings.EqualFold(l[0].SQL, "begin")
		if pipelined {
			b.WriteString("\\startpipeline\n")
		}
		for i, s := range l {
			sql, values := s.portable(fmt.Sprintf("%s%dp", name, i), fresh, c.leases, many)
			if many > 0 { // of outcomes
				sql = strings.ReplaceAll(sql, "SKIP LOCKED", "")
			}
			variables = append(variables, values...)
			b.WriteString(sql + ";\n")
		}
		if pipelined {
			b.WriteString("\\endpipeline\n")
		}
	}
	write("claim", c.claim, 0)
	n := c.jobs(batch)
	times := max(1, (n+c.Reports/2)/c.Reports)
	for i := range times {
		before := len(variables)
		write("report", c.report, (n+times-1)/times)
		if i > 0 {
			variables = variables[:before] // the same once more
		}
	}
	return b.String(), variables
}

var parameter = regexp.MustCompile(`\$\d+`)

// portable replaces a statement's parameters: by variables, and where leases are reported by the live ones of the agents, at most many.
func (s sentence) portable(prefix string, fresh map[string]string, leases func(uuid.UUID) bool, many int) (sql string, variables []string) {
	for _, n := range sortedKeys(s.Args) {
		value := uuidText.ReplaceAllStringFunc(s.Args[n], func(id string) string {
			if other := fresh[id]; other != "" {
				return other
			}
			return id
		})
		variables = append(variables, fmt.Sprintf("%s%d=%s", prefix, n, value))
	}
	sql = parameter.ReplaceAllStringFunc(s.SQL, func(p string) string {
		n, _ := strconv.Atoi(p[1:]) // the pattern has digits only
		value, ok := s.Args[n]
		switch {
		case !ok:
			return "NULL"
		case uuidText.MatchString(value) && leases(uuid.MustParse(uuidText.FindString(value))):
			if !strings.HasPrefix(value, "{") { // of an outcome that is made alone
				return "(SELECT lease_id FROM leases WHERE agent = ANY (:agents::uuid[]) AND ended_at IS NULL LIMIT 1)"
			}
			return fmt.Sprintf(`(SELECT array_agg(lease_id) FROM (SELECT lease_id FROM leases WHERE agent = ANY (:agents::uuid[])
				AND ended_at IS NULL LIMIT %d) live)`, many)
		}
		return ":" + prefix + strconv.Itoa(n)
	})
	return strings.TrimSuffix(strings.TrimSpace(sql), ";"), variables
}

func sortedKeys(m map[int]string) (keys []int) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
