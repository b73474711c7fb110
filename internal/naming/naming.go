// Package naming cuts names to the lengths that AWS allows without making two of them equal.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const hashLength = 8

// Cap returns name if it has at most limit characters; otherwise its beginning, a dash and eight hex digits of its SHA-256.
// It panics when limit leaves no room for the hash: that is a mistake of the program, not of its input.
func Cap(name string, limit int) string {
	if limit <= hashLength+1 {
		panic(fmt.Sprintf("naming.Cap: limit %d leaves no room for a name and its hash", limit))
	}
	if len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	head := strings.TrimRight(name[:limit-hashLength-1], "-")
	return head + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
