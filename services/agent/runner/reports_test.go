package runner

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

// The failures that the agent reports quote what it met: paths that lead out, URLs, markup in names. testdata/reports.json holds
// these reports, word for word, so that what stands in front of the API can be tested with them.
func TestReportsQuoteWhatWentWrong(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	for i, dest := range []string{"../../etc/passwd", "credentials", "index", "<script>alert(1)</script>.html"} {
		s.AddJob(s.AddFile(dest, body(10+i), part), dest)
	}
	b := start(t, s, func(o *Options) {
		o.Handler = HandlerFunc(func(ctx context.Context, p Published) error {
			switch p.Job.Dest {
			case "credentials":
				return errors.New("no credentials at http://169.254.169.254/latest/meta-data/iam/security-credentials/")
			case "index":
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:1/index?name=x", nil)
				require.NoError(t, err)
				if response, err := http.DefaultClient.Do(r); err == nil {
					return errors.Join(response.Body.Close(), errors.New("port 1 answers"))
				} else {
					return err
				}
			}
			return errors.New("cannot index " + p.Job.Dest)
		})
	})
	b.states(map[api.JobState]int{api.JobStateDead: 4})

	var sent []string
	for _, o := range b.outcomes(api.OutcomeStatusFailed) {
		o.Ms = nil
		text, err := json.Marshal(o)
		require.NoError(t, err)
		sent = append(sent, string(text))
	}
	slices.Sort(sent)
	want, err := os.ReadFile("testdata/reports.json")
	require.NoError(t, err)
	require.Equal(t, string(want), "[\n"+strings.Join(slices.Compact(sent), ",\n")+"\n]\n")
}
