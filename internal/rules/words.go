package rules

import (
	"regexp"
	"slices"
	"strings"
)

// aboutSecurity lists words in names of properties for encryption, public access, TLS, deletion or logging.
var aboutSecurity = map[string]bool{
	"encrypt": true, "encrypted": true, "encryption": true, "kms": true, "cmk": true, "sse": true,
	"public": true, "publicly": true, "tls": true, "ssl": true, "https": true, "transit": true,
	"delete": true, "deletion": true, "destroy": true, "protect": true, "protection": true,
	"log": true, "logs": true, "logging": true,
}

var word = regexp.MustCompile(`[A-Z]?[a-z0-9]+|[A-Z]+`)

// AboutSecurity tells whether a property's name contains such a word.
func AboutSecurity(property string) bool {
	return slices.ContainsFunc(word.FindAllString(property, -1), func(w string) bool { return aboutSecurity[strings.ToLower(w)] })
}
