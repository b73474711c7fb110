package download

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// countingHash is SHA-256, and counts the bytes that it takes.
type countingHash struct {
	hash.Hash
	bytes *atomic.Int64
}

func (h countingHash) Write(p []byte) (int, error) {
	h.bytes.Add(int64(len(p)))
	return h.Hash.Write(p)
}

func (h countingHash) MarshalBinary() ([]byte, error) {
	return h.Hash.(encoding.BinaryMarshaler).MarshalBinary()
}

func (h countingHash) UnmarshalBinary(state []byte) error {
	return h.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// countHashed counts the bytes that the engine hashes from now on.
func (b *bundle) countHashed() *atomic.Int64 {
	n := new(atomic.Int64)
	b.engine.hash = func() hash.Hash { return countingHash{sha256.New(), n} }
	return n
}

// flip serves the bytes with one bit wrong, at an offset of the object.
func flip(offsets ...int64) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	return func(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
		body := slices.Clone(o.body[from:to])
		for _, at := range offsets {
			if at >= from && at < to {
				body[at-from] ^= 1
			}
		}
		o.head(w, from, to)
		_, _ = w.Write(body)
	}
}

// A file that arrives right is hashed once, whatever its parts and pieces are, and whatever went wrong on the way.
func TestEachByteIsHashedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, part int
		faults     []*faulty
	}{
		"no byte":                    {0, testPart, nil},
		"one part, one piece":        {1000, testPart, nil},
		"several parts of one piece": {testPiece, testPart / 8, nil},
		"a part is a piece":          {5*testPiece + 7, testPart, nil},
		"several parts a piece":      {5*testPiece + 7, testPart / 4, nil},
		"several pieces a part":      {5*testPiece + 7, 3 * testPart, nil},
		"all pieces one part":        {5*testPiece + 7, 8 * testPart, nil},
		"one piece, interrupted":     {testPiece, testPart, []*faulty{{times: 1, serve: cutAfter(1000)}, {times: 1, serve: status(503)}}},
		"pieces, interrupted":        {5 * testPiece, testPart, []*faulty{{from: testPiece, times: 2, serve: cutAfter(1000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, c.size, c.faults...))
			b.task.PartSize, b.task.Parts = int64(c.part), digests(b.origin.body, c.part)
			hashed := b.countHashed()
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, c.size, hashed.Load())
			require.EqualValues(t, c.size, r.Fetched)
		})
	}
}

// Wrong bytes are found by the digest of the whole file. Then each part is looked at, and the wrong ones alone are fetched again.
func TestAWrongPartAloneIsFetchedAgain(t *testing.T) {
	t.Parallel()
	const size = 5*testPiece + 7
	for name, c := range map[string]struct {
		part  int
		wrong []int64 // offsets of the wrong bytes
		again []int64 // bytes of the parts that are fetched again
	}{
		"one piece is one part":           {testPart, []int64{2*testPiece + 9}, []int64{testPart}},
		"two parts":                       {testPart, []int64{9, 4 * testPiece}, []int64{testPart, testPart}},
		"neighbours":                      {testPart, []int64{2*testPiece - 1, 2 * testPiece}, []int64{testPart, testPart}},
		"the last byte":                   {testPart, []int64{size - 1}, []int64{7}},
		"part of a piece":                 {testPart / 4, []int64{testPiece + testPart/4 + 9}, []int64{testPart / 4}},
		"two parts of a piece":            {testPart / 4, []int64{testPiece + 9, 2*testPiece - 1}, []int64{testPart / 4, testPart / 4}},
		"two bytes of a part":             {testPart / 4, []int64{testPiece + 9, testPiece + 90}, []int64{testPart / 4}},
		"part of several pieces":          {2 * testPart, []int64{3*testPiece + 9}, []int64{2 * testPart}},
		"all parts":                       {3 * testPart, []int64{0, 3 * testPart}, []int64{3 * testPart, 2*testPart + 7}},
		"the file is one part":            {8 * testPart, []int64{testPiece}, []int64{size}},
		"parts that are odd":              {testPart/4 + 1, []int64{testPart / 4}, []int64{testPart/4 + 1}},
		"parts a little larger than that": {testPart + 1, []int64{testPart + 1}, []int64{testPart + 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, size), func(o *Options) { o.StealSize = 1 << 30 }) // requests are counted
			plan, err := newPlan(size, int64(c.part), testPiece, 1)
			require.NoError(t, err)
			b.origin.set(func() {
				for i := range plan.Pieces() { // each piece arrives once with what is wrong of it
					from, _ := plan.Piece(i)
					b.origin.faults = append(b.origin.faults, &faulty{from: from, times: 1, serve: flip(c.wrong...)})
				}
			})
			b.task.PartSize, b.task.Parts = int64(c.part), digests(b.origin.body, c.part)
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, len(c.again), r.BadParts)
			sum := int64(0)
			for _, n := range c.again {
				sum += n
			}
			require.Equal(t, size+sum, r.Fetched)
			if c.part <= testPiece {
				require.Len(t, b.origin.seen(), plan.Pieces()+len(c.again))
			}
		})
	}
}

// A file of one piece that arrives wrong is looked at like every other one.
func TestWrongBytesInASmallFile(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, testPiece, &faulty{times: 1, serve: flip(testPiece - 1)}))
	b.task.PartSize, b.task.Parts = testPart/8, digests(b.origin.body, testPart/8)
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.EqualValues(t, testPiece+testPart/8, r.Fetched)
	require.Equal(t, []string{"bytes=0-65535", "bytes=57344-65535"}, b.origin.seen())
}

// The digest of the whole file is what the catalogue promises: a file that has it is right, whatever the digests of parts say. Should
// bytes be wrong, too, then nobody can tell which: nothing is published.
func TestDigestsOfPartsAreWrong(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 5*testPiece))
	b.task.Parts[3] = sha256.Sum256([]byte("another"))
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Equal(t, Result{Fetched: 5 * testPiece}, r)

	b = setup(t, newOrigin(t, 5*testPiece, &faulty{from: testPiece, times: 1, serve: wrongBytes}))
	b.task.Parts[3] = sha256.Sum256([]byte("another"))
	_, err = b.fetch()
	require.ErrorIs(t, err, ErrDigest)
	b.notPublished()
	require.Empty(t, b.leftovers(), "worthless bytes are not kept")
}

// partial returns the path of the partial file.
func (b *bundle) partial() string { return filepath.Join(b.dir, namesOf(b.task).partial) }

// rewriteJournal replaces the only journal by one of a single record that says the same, as changed.
func (b *bundle) rewriteJournal(change func(*record)) {
	b.t.Helper()
	require.Len(b.t, b.journals(), 1)
	was := b.journaled()[0]
	var pieces []int
	for i := range was.done {
		pieces = append(pieces, i)
	}
	slices.Sort(pieces)
	r := record{Done: rows(pieces), Mark: was.mark}
	change(&r)
	name, err := filepath.Rel(b.dir, b.journals()[0])
	require.NoError(b.t, err)
	j, err := createJournal(b.root, names{journal: name}, was.header, r)
	require.NoError(b.t, err)
	require.NoError(b.t, j.close())
}

func (b *bundle) corrupt(offset int64) {
	b.t.Helper()
	f, err := os.OpenFile(b.partial(), os.O_RDWR, 0)
	require.NoError(b.t, err)
	_, err = f.WriteAt([]byte{b.origin.body[offset] ^ 1}, offset)
	require.NoError(b.t, err)
	require.NoError(b.t, f.Close())
}

// What a resume takes over is proven before it is published. Wrong bytes of the right length may lie in the partial, hashed or not
// when the fetch before ended; and its mid-state may be wrong, with all bytes right.
func TestResumeOverWrongBytes(t *testing.T) {
	t.Parallel()
	const before = 5
	for name, c := range map[string]struct {
		faults []*faulty
		change func(*bundle)
		bad    int64
	}{
		"that arrived and were hashed": {
			[]*faulty{{from: 2 * testPiece, times: 1, serve: wrongBytes}},
			func(*bundle) {},
			1,
		},
		"that nobody has hashed": {
			nil,
			func(b *bundle) {
				b.rewriteJournal(func(r *record) { r.Mark = nil })
				b.corrupt(2*testPiece + 9)
			},
			1,
		},
		"in two parts": {
			[]*faulty{{from: testPiece, times: 1, serve: flip(testPiece)}},
			func(b *bundle) {
				b.rewriteJournal(func(r *record) { r.Mark = nil })
				b.corrupt(3*testPiece + 9)
			},
			2,
		},
		"of which the mid-state alone remains": {
			nil,
			func(b *bundle) {
				h := sha256.New()
				h.Write(make([]byte, 3*testPiece))
				state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
				require.NoError(b.t, err)
				b.rewriteJournal(func(r *record) { r.Mark = &mark{Offset: 3 * testPiece, State: state} })
			},
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := interrupted(t, before, c.faults...)
			c.change(b)
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, before*testPiece, r.Resumed)
			require.Equal(t, c.bad, r.BadParts)
			require.Equal(t, (8-before+c.bad)*testPiece, r.Fetched, "what was missing or wrong, and nothing else")
		})
	}
}

// What was hashed before an interruption is not hashed again.
func TestResumeHashesWhatIsLeft(t *testing.T) {
	t.Parallel()
	b := interrupted(t, 5)
	b.rewriteJournal(func(r *record) { require.EqualValues(t, 5*testPiece, r.Mark.Offset) })
	hashed := b.countHashed()
	_, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.EqualValues(t, 3*testPiece, hashed.Load())
}

// auditing is a fetch whose first try of a piece arrives wrong and whose second one does not arrive: it is in the middle of looking
// for the wrong part when begun returns. ready reports whether the journal says so.
func auditing(t *testing.T, part int) (b *bundle, ready func() bool, release func()) {
	t.Helper()
	const at = 2 * testPiece
	free := make(chan struct{})
	b = setup(t, newOrigin(t, 8*testPiece,
		&faulty{from: at, times: 1, serve: flip(at)}, &faulty{from: at, times: -1, serve: hold(free)},
	), func(o *Options) { o.StopGrace = time.Millisecond })
	b.task.PartSize, b.task.Parts = int64(part), digests(b.origin.body, part)
	ready = func() bool {
		asked := 0
		for _, spec := range b.origin.seen() {
			if strings.HasPrefix(spec, fmt.Sprintf("bytes=%d-", at)) {
				asked++
			}
		}
		return asked == 2 && slices.ContainsFunc(b.journaled(), func(r *replay) bool { return len(r.done) == 7 && !r.done[at/testPiece] })
	}
	return b, ready, func() {
		b.origin.set(func() { b.origin.faults = nil })
		close(free)
	}
}

// The agent is stopped while it fetches a wrong part again: the next one goes on with that.
func TestStopWhileAPartIsFetchedAgain(t *testing.T) {
	t.Parallel()
	for _, part := range []int{testPart / 4, testPart} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			b, ready, release := auditing(t, part)
			stop := make(chan struct{})
			b.task.Stop = stop
			ended := make(chan error, 1)
			go func() {
				_, err := b.fetch()
				ended <- err
			}()
			require.Eventually(t, ready, patience, time.Millisecond)
			close(stop)
			require.ErrorIs(t, <-ended, ErrStopped)
			release()
			b.notPublished()
			b.task.Stop, b.task.Owner = nil, uuid.NewString()
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, testPiece, r.Fetched)
			require.EqualValues(t, 7*testPiece, r.Resumed)
		})
	}
}

// The process dies while it fetches a wrong part again.
func TestKillWhileAPartIsFetchedAgain(t *testing.T) {
	t.Parallel()
	b, ready, release := auditing(t, testPart)
	kill := b.victim()
	require.Eventually(t, ready, patience, 2*time.Millisecond)
	kill()
	release()
	b.notPublished()
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.EqualValues(t, testPiece, r.Fetched)
	require.EqualValues(t, 7*testPiece, r.Resumed)
}

// An object that never has the right bytes is given up after a few tries of its first wrong part.
func TestAPartThatStaysWrong(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 5*testPiece, &faulty{from: testPiece, times: -1, serve: wrongBytes})
	b := setup(t, o, func(o *Options) { o.StealSize = 1 << 30 }) // bytes are counted
	r, err := b.fetch()
	require.ErrorIs(t, err, ErrDigest)
	require.ErrorContains(t, err, "part at byte 65536")
	require.EqualValues(t, (5+maxBadFetches-1)*testPiece, r.Fetched)
	require.EqualValues(t, maxBadFetches, r.BadParts)
	b.notPublished()
	require.Empty(t, b.leftovers())
}
