package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
	"scalable-backend/cmd/ops/report"
)

func say(t *testing.T, b *opstest.Bench) string {
	t.Helper()
	p := report.New(b.Env)
	p.Going("refresh 10 %%")
	require.NoError(t, b.Sleep(t.Context(), 15*time.Second))
	p.Going("refresh 10 %%")
	require.NoError(t, b.Sleep(t.Context(), 75*time.Second))
	p.Going("refresh %d %%, one with a long text", 20)
	p.Check(report.Bad, "instance i-1", "the last lines:\n\x1b[2Jfine")
	p.Check(report.OK, "targets", "3 healthy")
	p.Going("the end")
	p.Done()
	p.Line("one\ntwo\n")
	require.Equal(t, 1, p.Faults())
	return b.Out.String()
}

func TestOnAPipe(t *testing.T) {
	t.Parallel()
	require.Equal(t, "      0s  refresh 10 %\n   1m30s  refresh 20 %, one with a long text\n"+
		"FAILED  instance i-1: the last lines:\n        \\u001b[2Jfine\nok      targets: 3 healthy\n"+
		"   1m30s  the end\none\n    two\n", say(t, opstest.NewBench(t, opstest.NewAWS(t))))
}

func TestOnATerminal(t *testing.T) {
	t.Parallel()
	b := opstest.NewBench(t, opstest.NewAWS(t))
	b.Width = func() int { return 24 }
	erase, red, green, plain := "\r\x1b[K", "\x1b[31m", "\x1b[32m", "\x1b[0m"
	require.Equal(t, "      0s  refresh 10 %"+erase+"     15s  refresh 10 %"+erase+"   1m30s  refresh 20 %,"+
		erase+red+"FAILED  "+plain+"instance i-1: the last lines:\n        \\u001b[2Jfine\n"+green+"ok      "+plain+"targets: 3 healthy\n"+
		"   1m30s  the end\none\n    two\n", say(t, b))

	b = opstest.NewBench(t, opstest.NewAWS(t))
	b.Width, b.Variables["NO_COLOR"] = func() int { return 24 }, "1"
	require.NotContains(t, say(t, b), red)
}
