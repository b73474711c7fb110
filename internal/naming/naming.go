// Package naming cuts names to the lengths that AWS allows without making two of them equal.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	hashLength = 8
	// maxDeployment leaves room for a prefix or a suffix in the shortest limit of what is called so, a metric of WAF's 128.
	maxDeployment = 112
)

// Cap returns name if it has at most limit characters; otherwise its beginning, a dash and eight hex digits of its SHA-256.
// It panics when limit leaves no room for the hash: that is a mistake of the program, not of its input.
func Cap(name string, limit int) string {
	if limit <= hashLength+1 {
		panic(fmt.Sprintf("naming.Cap: limit %d leaves no room for a name and its hash", limit))
	}
	if len(name) <= limit {
		return name
	}
	return hashed(name, name, limit)
}

// hashed is what of name fits the limit, and the hash of what it stands for.
func hashed(name, of string, limit int) string {
	sum := sha256.Sum256([]byte(of))
	head := strings.TrimRight(name[:min(len(name), limit-hashLength-1)], "-")
	return head + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// Deployment is the name of a project's stack in an account, "project-stack": letters, digits, dashes and underscores, at most 112.
// Where it could be another pair's too (stack c of a-b, and stack b-c of a), or had to be changed, a hash of both names follows.
func Deployment(project, stack string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '-'
	}, project+"-"+stack)
	if name == project+"-"+stack && !strings.Contains(stack, "-") && len(name) <= maxDeployment {
		return name
	}
	return hashed(name, project+"/"+stack, maxDeployment)
}
