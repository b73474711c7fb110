// Package container checks what an owner may set of a container: variables, secrets, user, paths and command. The rules are the same
// for both services.
package container

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxValue is the longest value of a variable, or word of a command, in bytes.
	MaxValue = 1024
	// maxName is the longest name of a variable.
	maxName = 128
	// maxID is the largest number of a user or group that every tool takes.
	maxID = 1<<31 - 1
)

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// credentials come from the container's role: by these names the AWS SDKs would take others, or look for them elsewhere. Those for
	// Go and Java read AWS_ACCESS_KEY and AWS_SECRET_KEY too, and boto AWS_SECURITY_TOKEN.
	credentials = regexp.MustCompile(
		`^(AWS_(ACCESS_KEY(_ID)?|SECRET(_ACCESS)?_KEY|(SESSION|SECURITY)_TOKEN|CONTAINER_.*|EXECUTION_ENV)|ECS_.*)$`)
	// A whole ARN has six random characters at its end, so it names one secret. A key has no colon: it ends a part for ECS.
	secret = regexp.MustCompile(
		`^(arn:(aws[a-z-]*):secretsmanager:([a-z0-9-]+):([0-9]{12}):secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}):([A-Za-z0-9_.-]{1,128})$`)
	user     = regexp.MustCompile(`^([1-9][0-9]{0,9}):([1-9][0-9]{0,9})$`)
	segments = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`)
)

// ValidateName reports a name that no variable of a container can have.
func ValidateName(name string) error {
	switch {
	case !variable.MatchString(name) || len(name) > maxName:
		return fmt.Errorf("the name has to be 1 to %d letters, digits and underscores, and no digit first", maxName)
	case credentials.MatchString(name):
		return fmt.Errorf("%s is AWS's: credentials come from the role", name)
	}
	return nil
}

// ValidateValue reports a value of a variable, or a word of a command, that is not one line of text.
func ValidateValue(value string) error {
	if len(value) > MaxValue {
		return fmt.Errorf("it has %d bytes, want at most %d", len(value), MaxValue)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, endsLine) {
		return errors.New("want one line of text without control characters")
	}
	return nil
}

// endsLine is true for control characters, and for Unicode's separators of lines and paragraphs.
func endsLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// Secret is one key of a secret in AWS Secrets Manager whose value is a JSON object.
type Secret struct {
	ARN, Key                   string
	Partition, Region, Account string // of ARN
}

// ParseSecret reads "<ARN>:<key>".
func ParseSecret(text string) (Secret, error) {
	parts := secret.FindStringSubmatch(text)
	if parts == nil {
		return Secret{}, fmt.Errorf("want a secret's whole ARN, a colon and a key of its JSON object, got %q", text)
	}
	return Secret{ARN: parts[1], Partition: parts[2], Region: parts[3], Account: parts[4], Key: parts[5]}, nil
}

// SecretARNs returns the ARNs of secrets that ParseSecret accepts, each once, sorted.
func SecretARNs(secrets map[string]string) []string {
	var arns []string
	for _, text := range secrets {
		if s, err := ParseSecret(text); err == nil {
			arns = append(arns, s.ARN)
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// ParseUser reads "<uid>:<gid>"; neither is root's.
func ParseUser(text string) (uid, gid int, err error) {
	if parts := user.FindStringSubmatch(text); parts != nil {
		uid, _ = strconv.Atoi(parts[1]) // ten digits fit
		gid, _ = strconv.Atoi(parts[2])
	}
	if uid == 0 || uid > maxID || gid > maxID {
		return 0, 0, fmt.Errorf("want uid:gid as numbers from 1 to %d, got %q", maxID, text)
	}
	return uid, gid, nil
}

// ValidatePath reports a path that cannot be made writable by itself: what is not plain, and the directories of the kernel.
func ValidatePath(text string) error {
	if !segments.MatchString(text) || len(text) > 255 {
		return fmt.Errorf("want an absolute path of letters, digits, dashes and underscores, got %q", text)
	}
	switch root, _, _ := strings.Cut(text[1:], "/"); root {
	case "proc", "sys", "dev":
		return fmt.Errorf("%s is the kernel's", path.Join("/", root))
	}
	return nil
}
