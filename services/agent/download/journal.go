package download

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
)

// A journal says which pieces of a partial are on disk, so that the next one who fetches the file goes on from there. It is a
// text file of records, one a line: the CRC-32C of a JSON object, and the object. The first says what the journal is about,
// each later one adds pieces. A record is written only once the data of its pieces is durable. The first line that is not
// whole ends the journal: it was being written when its writer died.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxJournal bounds what is read of one journal; that of the largest possible file stays below it.
const maxJournal = 128 << 20

// identity is what a journal and a download must agree on.
type identity struct {
	Format    int    `json:"format"`
	File      string `json:"file"`
	Version   string `json:"version"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	PartSize  int64  `json:"part_size"`
	PieceSize int64  `json:"piece_size"`
	Inode     uint64 `json:"inode"` // of the partial
}

// header is the first record.
type header struct {
	identity
	ETag string `json:"etag,omitempty"`
}

// record is a later one.
type record struct {
	Done [][2]int `json:"done,omitempty"` // first and last piece of each row that is on disk
	Redo [][2]int `json:"redo,omitempty"` // pieces that turned out wrong after all
	Mark *mark    `json:"mark,omitempty"`
}

// mark is how far the whole file's digest has come: all bytes before Offset are on disk and hashed. Whether they are right shows at the
// end; see audit.
type mark struct {
	Offset int64  `json:"offset"`
	State  []byte `json:"state"`
}

type journal struct {
	file *os.File
}

// createJournal makes a journal durable together with its first records.
func createJournal(root *os.Root, n names, h header, r record) (*journal, error) {
	f, err := createPartial(root, n.journal, os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the journal: %w", err)
	}
	j := &journal{file: f}
	if err := errors.Join(j.append(h), j.append(r)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := syncDir(root, PartialDir); err != nil {
		return nil, errors.Join(fmt.Errorf("syncing the journal's directory: %w", err), f.Close())
	}
	return j, nil
}

// append writes one record in one write and makes it durable.
func (j *journal) append(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a journal record: %w", err)
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, castagnoli), body)
	if _, err := j.file.Write(line); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := datasync(j.file); err != nil {
		return fmt.Errorf("syncing the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }

// replay is what a journal says.
type replay struct {
	header header
	done   map[int]bool
	mark   *mark
}

// readJournal reads what is whole of a journal; nil when not even its first record is. A record of other pieces than those of
// the file ends it too.
func readJournal(root *os.Root, name string, pieces int) (*replay, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // its owner has published the file in the meantime
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil {
		return nil, err
	}
	r := &replay{done: map[int]bool{}}
	if text = next(text, &r.header); text == nil {
		return nil, nil
	}
	for {
		var rec record
		if text = next(text, &rec); text == nil || !within(rec.Done, pieces) || !within(rec.Redo, pieces) {
			return r, nil
		}
		each(rec.Done, func(i int) { r.done[i] = true })
		each(rec.Redo, func(i int) { delete(r.done, i) })
		if rec.Mark != nil {
			r.mark = rec.Mark
		}
	}
}

// next decodes the first line into v and returns the rest, nil if the line is not whole.
func next(text []byte, v any) []byte {
	line, rest, whole := bytes.Cut(text, []byte("\n"))
	sum, body, ok := bytes.Cut(line, []byte(" "))
	if !whole || !ok {
		return nil
	}
	want, err := hex.DecodeString(string(sum))
	if err != nil || !bytes.Equal(want, sumOf(body)) || json.Unmarshal(body, v) != nil {
		return nil
	}
	if rest == nil {
		rest = []byte{}
	}
	return rest
}

func sumOf(body []byte) []byte {
	c := crc32.Checksum(body, castagnoli)
	return []byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)}
}

func within(rows [][2]int, pieces int) bool {
	return !slices.ContainsFunc(rows, func(row [2]int) bool { return row[0] < 0 || row[1] >= pieces })
}

func each(rows [][2]int, do func(int)) {
	for _, row := range rows {
		for i := row[0]; i <= row[1]; i++ {
			do(i)
		}
	}
}

// rows packs ascending numbers.
func rows(sorted []int) [][2]int {
	var out [][2]int
	for _, i := range sorted {
		if n := len(out); n > 0 && out[n-1][1]+1 == i {
			out[n-1][1] = i
			continue
		}
		out = append(out, [2]int{i, i})
	}
	return out
}
