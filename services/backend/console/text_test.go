package console

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"0", "999", "1,000", "-1,234,567", "10,000,000"},
		[]string{number(0), number(999), number(1000), number(-1234567), number(10_000_000)})
	require.Equal(t, []string{"1023 B", "1.0 KiB", "381 MiB", "2048 PiB"},
		[]string{size(1023), size(1024), size(400e6), size(1 << 61)})
	require.Equal(t, []string{"0 ms", "59 s", "1 min 1 s", "2 h 3 min", "3 days"}, []string{
		duration(-time.Hour), duration(59 * time.Second), duration(61 * time.Second), duration(2*time.Hour + 3*time.Minute),
		duration(80 * time.Hour),
	})
	require.Equal(t, []string{"abc", "ab…yz", "שש…שש"}, []string{middle(5, "abc"), middle(5, "abcdefxyz"), middle(5, "שששששששששש")})
	require.EqualValues(t, []int64{100, 0, 50, 99}, []int64{percent(0, 0), percent(0, 10), percent(5, 10), percent(999, 1000)})
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	require.EqualValues(t, `<time datetime="2026-03-04T05:06:07Z" title="2026-03-04 05:06:07 UTC">05:06:07 UTC</time>`, stamp(now, now))
	require.Contains(t, stamp(now, now.AddDate(0, 0, -1)), ">2026-03-03 05:06 UTC<")
	require.EqualValues(t, "–", stamp(now, time.Time{}))
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	require.Contains(t, ago(now, now.Add(-999*time.Millisecond)), ">just now<")
	require.Contains(t, ago(now, now.Add(time.Minute)), ">just now<", "another machine's clock may be ahead")
	require.Contains(t, ago(now, now.Add(-time.Second)), ">1 s ago<")
	require.Contains(t, ago(now, time.Time{}), "–")
}

func TestCursors(t *testing.T) {
	t.Parallel()
	want := backend.Cursor{CreatedAt: time.UnixMicro(1764262800123456).UTC(), ID: uuid.New()}
	got, err := cursorOf(cursorText(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	id := want.ID.String()
	for _, text := range []string{"x", "1", "_", "1_x", "99999999999999999999_" + id, "9223372036854775807_" + id} {
		_, err := cursorOf(text)
		require.Equal(t, backend.Invalid, backend.CodeOf(err), text)
	}
}

// A notice is one of a few sentences: no link can put other words on a page.
func TestNotices(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"did=retried&n=1": "1 job is queued again.", "did=retried&n=12345": "12,345 jobs are queued again.",
		"did=deleted&n=7": "The file is deleted.",
		"did=retried":     "", "did=retried&n=%3Cb%3E": "", "did=%3Cb%3E&n=1": "", "": "",
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		require.Equal(t, want, notice(values), query)
	}
}

func TestChartsShowTheLastHour(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var samples []backend.Sample
	for i := range 30 { // five minutes, then a gap, then five minutes
		for _, before := range []time.Duration{40 * time.Minute, 5 * time.Minute} {
			at := now.Add(-before).Add(time.Duration(i) * 10 * time.Second)
			samples = append(samples, backend.Sample{
				At: at, Stats: backend.Stats{Queued: int64(i), BytesDelivered: at.Sub(now.Add(-time.Hour)).Milliseconds() * 1024},
				Attempts: 10, Failed: 1,
			})
		}
	}
	sorted := sortSamples(samples)
	all := charts(sorted, now)
	require.Len(t, all, 4)
	require.Equal(t, "29", all[0].Latest)
	require.Equal(t, "1000 KiB/s", all[1].Latest, "the same rate throughout")
	require.Equal(t, "10 %", all[3].Most)
	require.Regexp(t, `^M[^M]+M[^M]+$`, all[0].Path, "one line before the gap, one behind it")
	bytes, files := throughput(sorted, now)
	require.InDelta(t, 1024*1000, bytes, 1)
	require.Zero(t, files)
	require.Empty(t, charts(nil, now)[0].Path)
}

func sortSamples(samples []backend.Sample) []backend.Sample {
	return slices.SortedFunc(slices.Values(samples), func(a, b backend.Sample) int { return a.At.Compare(b.At) })
}
