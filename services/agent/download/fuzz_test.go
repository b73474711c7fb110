package download

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzTask is a file of five pieces of which a journal may tell anything.
func fuzzTask(root *os.Root) (Task, Plan) {
	body := testBody(5*testPiece - 7)
	t := Task{
		FileID: "0198b2f4-0000-7000-8000-000000000000", Version: "1", Size: int64(len(body)), SHA256: sha256.Sum256(body),
		PartSize: testPart, Parts: digests(body, testPart), Root: root, Dest: "a.bin", Owner: "owner", Done: new(atomic.Int64),
	}
	p, err := newPlan(t.Size, t.PartSize, testPiece, 4)
	if err != nil {
		panic(err)
	}
	return t, p
}

// line is a journal's line around any body.
func line(body []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, castagnoli), body)
}

// Whatever a journal says, nothing is taken over but pieces that the partial is long enough for, and a mark only behind pieces
// that are all there. With sealed, each line of the input gets its right checksum, so that what is in the records is reached.
func FuzzJournal(f *testing.F) {
	root, err := os.OpenRoot(f.TempDir())
	require.NoError(f, err)
	f.Cleanup(func() { _ = root.Close() })
	require.NoError(f, root.Mkdir(PartialDir, 0o700))
	task, plan := fuzzTask(root)
	id := task.identity(plan, 1)
	head, err := json.Marshal(header{identity: id, ETag: `"v1"`})
	require.NoError(f, err)
	digest, err := sha256.New().(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(f, err)
	full, err := json.Marshal(record{Done: [][2]int{{0, 4}}, Mark: &mark{Offset: 2 * testPiece, State: digest}})
	require.NoError(f, err)
	f.Add(full, true, int64(5*testPiece))
	f.Add([]byte(`{"done":[[0,1]]}`+"\n"+`{"redo":[[0,0]]}`), true, int64(testPiece))
	f.Add([]byte(`{"done":[[0,9223372036854775807]]}`), true, task.Size)
	f.Add([]byte(`{"done":[[-5,9]],"mark":{"offset":-1}}`), true, task.Size)
	f.Add([]byte(`{"done":[[0,4]],"mark":{"offset":65537,"state":"AA=="}}`), true, task.Size)
	f.Add([]byte("00000000 {}\n"), false, int64(0))
	f.Add(line(full), false, task.Size)
	name, engine := namesOf(task).journal, New(Options{})
	f.Fuzz(func(t *testing.T, text []byte, sealed bool, size int64) {
		journal := line(head)
		if sealed {
			for l := range bytes.SplitSeq(text, []byte("\n")) {
				journal = append(journal, line(l)...)
			}
		} else {
			journal = append(journal, text...)
		}
		require.NoError(t, root.WriteFile(name, journal, 0o600))
		task.Done.Store(0)
		run := &fetch{e: engine, t: task, plan: plan, names: namesOf(task), id: id, pieces: make([]state, plan.Pieces()), whole: sha256.New()}
		require.NoError(t, run.resume(size))
		resumed := int64(0)
		for i, s := range run.pieces {
			if from, to := plan.Piece(i); s == done {
				require.LessOrEqual(t, to, size)
				resumed += to - from
			}
		}
		require.Equal(t, resumed, run.resumed.Load())
		require.Equal(t, resumed, task.Done.Load())
		for i := range run.frontier {
			require.Equal(t, done, run.pieces[i])
		}
		if run.frontier == len(run.pieces) {
			require.Equal(t, task.Size, run.mark.Offset)
		} else {
			from, _ := plan.Piece(run.frontier)
			require.Equal(t, from, run.mark.Offset)
		}
	})
}

// An answer is taken only if it is exactly the range that was asked for, of an object of the right size.
func FuzzContentRange(f *testing.F) {
	f.Add(206, "bytes 0-9/100", int64(0), int64(10), int64(100), int64(10), "")
	f.Add(206, "bytes 0-9/*", int64(0), int64(10), int64(100), int64(-1), "")
	f.Add(200, "", int64(0), int64(10), int64(10), int64(10), "")
	f.Add(200, "", int64(0), int64(0), int64(0), int64(0), "identity")
	f.Add(206, "bytes 5-9/10", int64(5), int64(10), int64(10), int64(4), "gzip")
	f.Add(206, "bytes 10-19/1000", int64(1), int64(10), int64(1000), int64(10), "")
	f.Fuzz(func(t *testing.T, status int, contentRange string, from, to, size, length int64, encoding string) {
		if from < 0 || to < from || to > size || (to == from) != (size == 0) {
			return // no span of a file
		}
		run := &fetch{t: Task{Size: size}}
		resp := &http.Response{
			StatusCode: status, ContentLength: length, Body: http.NoBody,
			Header: http.Header{"Content-Range": {contentRange}, "Content-Encoding": {encoding}},
		}
		if run.accept(resp, span{from, to}) != nil {
			return
		}
		require.Contains(t, []string{"", "identity"}, encoding)
		if size == 0 {
			require.Equal(t, http.StatusOK, status)
			require.LessOrEqual(t, length, int64(0))
			return
		}
		require.Equal(t, http.StatusPartialContent, status)
		require.True(t, length < 0 || length == to-from)
		var first, last, total int64
		_, err := fmt.Sscanf(contentRange, "bytes %d-%d/%d", &first, &last, &total)
		require.NoError(t, err)
		require.Equal(t, [3]int64{from, to - 1, size}, [3]int64{first, last, total})
		require.Equal(t, 1, strings.Count(contentRange, "/"))
	})
}

// A plan covers its file without gap or overlap, whatever the numbers, or is refused.
func FuzzPlan(f *testing.F) {
	f.Add(int64(0), int64(8*mib), int64(8*mib), 8)
	f.Add(int64(8<<30+1), int64(8*mib), int64(16*mib), 16)
	f.Add(int64(5<<40), int64(5<<30), int64(16*mib), 1)
	f.Add(int64(1<<63-1), int64(1<<63-1), int64(1<<63-1), 1<<62)
	f.Add(int64(100), int64(7), int64(3), 3)
	f.Fuzz(func(t *testing.T, size, part, aim int64, limit int) {
		p, err := newPlan(size, part, aim, limit)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, p.Connections, 1)
		require.LessOrEqual(t, p.Connections, min(limit, maxConnections))
		require.Positive(t, p.PieceSize)
		n := p.Pieces()
		require.Equal(t, size > 0, n > 0)
		require.Equal(t, size > 0, p.Parts() > 0)
		require.Equal(t, n, p.index(size))
		at := int64(0)
		for i := 0; i < n; i++ {
			if i == 300 && n > 700 { // the middle of a large plan is like its beginning
				i = n - 300
				at, _ = p.Piece(i)
			}
			from, to := p.Piece(i)
			require.Equal(t, at, from)
			require.Greater(t, to, from)
			require.LessOrEqual(t, to-from, aim)
			require.Equal(t, i, p.index(from))
			first, _, end := p.part(from)
			if last, _, _ := p.part(to - 1); p.split() {
				require.Equal(t, first, last)
			} else {
				require.True(t, to%part == 0 || to == size)
			}
			require.Greater(t, end, from)
			at = to
		}
		require.Equal(t, size, at)
	})
}
