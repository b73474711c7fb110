package download

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		aim := rapid.Int64Range(1, 1000).Draw(t, "aim")
		size := rapid.Int64Range(0, 100*aim).Draw(t, "size")
		part := rapid.Int64Range(1, 20*aim).Draw(t, "part")
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		p, err := newPlan(size, part, aim, limit)
		require.NoError(t, err)
		at := int64(0)
		for i := range p.Pieces() {
			from, to := p.Piece(i)
			require.Equal(t, at, from, "pieces are in order, without gap or overlap")
			require.Greater(t, to, from)
			require.LessOrEqual(t, to-from, max(aim, 1))
			require.Equal(t, i, p.index(from))
			first, partFrom, partTo := p.part(from)
			last, _, _ := p.part(to - 1)
			if first != last {
				require.Equal(t, partFrom, from, "a piece of several parts begins with a part")
			} else {
				require.LessOrEqual(t, to, partTo)
			}
			if p.split() {
				require.Equal(t, first, last, "a piece lies within its part")
			} else {
				require.True(t, to%part == 0 || to == size, "a piece ends with a part")
			}
			at = to
		}
		require.Equal(t, size, at)
		require.Equal(t, p.Pieces(), p.index(size))
		require.LessOrEqual(t, p.Connections, min(limit, maxConnections))
		require.GreaterOrEqual(t, p.Connections, 1)
	})
}

func TestPlanSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size, part, limit      int64
		piece                  int64
		connections, pieceNumb int
	}{
		{0, 8 * mib, 8, 8 * mib, 1, 0},
		{1, 8 * mib, 8, 8 * mib, 1, 1},
		{8*mib + 1, 8 * mib, 8, 8 * mib, 2, 2},
		{256 * mib, 8 * mib, 16, 8 * mib, 8, 32},
		{1 << 30, 8 * mib, 16, 8 * mib, 16, 128},
		{8 << 30, 8 * mib, 16, 8 * mib, 16, 1024},
		{8<<30 + 1, 8 * mib, 16, 16 * mib, 16, 513},
		{100 * mib, 5 * mib, 8, 5 * mib, 4, 20},
		{100 * mib, 50 * mib, 8, 8 * mib, 4, 14},
		{5 << 40, 5 << 30, 16, 16 * mib, 16, 327680},
	} {
		p, err := NewPlan(c.size, c.part, int(c.limit))
		require.NoError(t, err)
		require.Equal(t, c.piece, p.PieceSize, "%+v", c)
		require.Equal(t, c.connections, p.Connections, "%+v", c)
		require.Equal(t, c.pieceNumb, p.Pieces(), "%+v", c)
	}
	_, err := NewPlan(-1, 1, 1)
	require.Error(t, err)
	_, err = NewPlan(1, 0, 1)
	require.Error(t, err)
}

func TestHostPolicy(t *testing.T) {
	t.Parallel()
	bucket := HostPolicy{Allow: []string{"b.s3.eu-central-1.amazonaws.com", "*.example.com"}}
	for url, ok := range map[string]bool{
		"https://b.s3.eu-central-1.amazonaws.com/k?X=1":     true,
		"https://B.S3.eu-central-1.amazonaws.com/k":         true,
		"https://b.s3.eu-central-1.amazonaws.com./k":        true,
		"https://a.example.com/k":                           true,
		"https://example.com/k":                             false,
		"https://evilexample.com/k":                         false,
		"https://c.s3.eu-central-1.amazonaws.com/k":         false,
		"https://b.s3.eu-central-1.amazonaws.com.evil.org/": false,
		"https://b.s3.eu-central-1.amazonaws.com@evil.org/": false,
		"http://b.s3.eu-central-1.amazonaws.com/k":          false,
		"file:///etc/passwd":                                false,
		"https://169.254.169.254/latest":                    false,
		"://":                                               false,
	} {
		require.Equal(t, ok, bucket.Check(url) == nil, url)
	}
	for _, p := range []HostPolicy{{}, {Insecure: true}} {
		for _, url := range []string{
			"http://169.254.169.254/", "https://169.254.170.2/v2", "https://[fe80::1]/", "https://[fd00:ec2::254]/",
			"https://[::ffff:169.254.169.254]/", "https://0.0.0.0/", "https://[::]/", "https://224.0.0.1/",
		} {
			require.ErrorIs(t, p.Check(url), ErrRefused, url)
		}
	}
	require.ErrorIs(t, HostPolicy{}.Check("https://127.0.0.1/"), ErrRefused)
	require.NoError(t, HostPolicy{Insecure: true}.Check("http://127.0.0.1:9000/b/k"))
	// What a name resolves to is checked as well.
	require.ErrorIs(t, HostPolicy{}.control("tcp", "127.0.0.1:443", nil), ErrRefused)
	require.ErrorIs(t, HostPolicy{Insecure: true}.control("tcp", "169.254.169.254:80", nil), ErrRefused)
	require.NoError(t, HostPolicy{}.control("tcp", "52.219.1.1:443", nil))
}

func TestJournalRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfNDistinct(rapid.IntRange(0, 50), 0, 40, rapid.ID).Draw(t, "set")
		in := map[int]bool{}
		for _, i := range set {
			in[i] = true
		}
		var sorted, out []int
		for i := range 51 {
			if in[i] {
				sorted = append(sorted, i)
			}
		}
		each(rows(sorted), func(i int) { out = append(out, i) })
		require.Equal(t, sorted, out)
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	task := Task{FileID: "0198b2f4-0000-7000-8000-000000000000", Version: "v", Dest: "x/y", Owner: "a"}
	n := namesOf(task)
	other := task
	other.Owner = "b"
	require.Equal(t, n.partial, namesOf(other).partial, "owners share the partial")
	require.NotEqual(t, n.journal, namesOf(other).journal, "and have each their journal")
	for _, change := range []func(*Task){
		func(t *Task) { t.Version = "w" }, func(t *Task) { t.Dest = "x/z" }, func(t *Task) { t.FileID = "1" },
	} {
		other := task
		change(&other)
		require.NotEqual(t, n.partial, namesOf(other).partial)
	}
	for _, dest := range []string{n.partial, n.journal, PartialDir} {
		_, err := CleanPath(dest)
		require.ErrorIs(t, err, ErrUnsafe)
	}
}
