package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
)

// Cache keeps the ids of unfinished uploads in a directory. Losing it costs only that an upload begins again, so nothing here
// fails. The zero Cache keeps nothing.
type Cache struct {
	Dir string
	API string // whose uploads they are
}

func (c Cache) path(fileID string) string {
	sum := sha256.Sum256([]byte(c.API + "\x00" + fileID))
	return filepath.Join(c.Dir, hex.EncodeToString(sum[:16]))
}

func (c Cache) recall(fileID string) string {
	if c.Dir == "" {
		return ""
	}
	text, _ := os.ReadFile(c.path(fileID))
	return strings.TrimSpace(string(text))
}

func (c Cache) remember(fileID, uploadID string) {
	if c.Dir != "" && os.MkdirAll(c.Dir, 0o700) == nil {
		_ = os.WriteFile(c.path(fileID), []byte(uploadID+"\n"), 0o600)
	}
}

func (c Cache) forget(fileID string) {
	if c.Dir != "" {
		_ = os.Remove(c.path(fileID))
	}
}
