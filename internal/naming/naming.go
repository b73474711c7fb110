// Package naming cuts names to the lengths that AWS allows without making two of them equal.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const hashLength = 8

// Cap returns name if it has at most max characters; otherwise its beginning, a dash and eight hex digits of its SHA-256.
// It panics when max leaves no room for the hash: that is a mistake of the program, not of its input.
func Cap(name string, max int) string {
	if max <= hashLength+1 {
		panic(fmt.Sprintf("naming.Cap: max %d leaves no room for a name and its hash", max))
	}
	if len(name) <= max {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	head := strings.TrimRight(name[:max-hashLength-1], "-")
	return head + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
