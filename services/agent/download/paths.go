package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// ErrUnsafe means that the name of a file, or its destination, is not a clean relative path.
var ErrUnsafe = errors.New("not a valid path")

// PartialDir is where unfinished downloads and their journals lie, below the root of the published files: on the same file system,
// so that a rename publishes a file, and hidden from programs that list the published files.
const PartialDir = ".partial"

// CleanPath returns a destination as it came if it is a relative path that stays below its root, in the form of the API's
// schema, and else ErrUnsafe. Symbolic links are os.Root's concern.
func CleanPath(dest string) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("%w %q: %s", ErrUnsafe, dest, why) }
	if dest == "" || len(dest) > 1024 {
		return bad("want 1 to 1024 bytes")
	}
	if !utf8.ValidString(dest) {
		return bad("is not valid UTF-8")
	}
	if strings.ContainsFunc(dest, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return bad("holds a control character or a backslash")
	}
	for segment := range strings.SplitSeq(dest, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return bad("holds an empty, . or .. segment")
		case len(segment) > 255:
			return bad("holds a segment of more than 255 bytes")
		}
	}
	if dest == PartialDir || strings.HasPrefix(dest, PartialDir+"/") {
		return bad("the agent keeps that directory for itself")
	}
	return dest, nil
}

// names are the paths that belong to one download, relative to the root.
type names struct {
	dir     string // of the destination
	partial string
	prefix  string // of the partial's and the journals' base names
	journal string // this owner's
}

// namesOf names the partial by file, version and destination. A later fetch of the same file finds it by this name; a fetch at the
// same time writes the same bytes to it.
func namesOf(t Task) names {
	sum := sha256.Sum256([]byte(t.Version + "\x00" + t.Dest))
	prefix := t.FileID + "-" + hex.EncodeToString(sum[:8])
	return names{
		dir: path.Dir(t.Dest), prefix: prefix,
		partial: path.Join(PartialDir, prefix),
		journal: path.Join(PartialDir, prefix+"."+t.Owner+".journal"),
	}
}

// journals lists the journals of all owners.
func (n names) journals(root *os.Root) ([]string, error) {
	d, err := root.Open(PartialDir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	entries, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e, n.prefix+".") {
			found = append(found, path.Join(PartialDir, e))
		}
	}
	return found, nil
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
