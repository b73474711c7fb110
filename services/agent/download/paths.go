package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	rule "scalable-backend/services/api/names"
)

// ErrUnsafe means that the name of a file, or its destination, is not a clean relative path.
var ErrUnsafe = errors.New("not a valid path")

// PartialDir is where unfinished downloads and their journals lie, below the root of the published files: on the same file system,
// so that a rename publishes a file, and hidden from programs that list the published files.
const PartialDir = rule.PartialDir

// CleanPath returns a destination, or a file's name, as it came if the API's rule allows it, and else ErrUnsafe: a relative path that
// stays below its root and shows as what it is. Symbolic links are os.Root's concern.
func CleanPath(dest string) (string, error) {
	if err := rule.CheckPath(dest); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnsafe, err)
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
