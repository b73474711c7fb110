package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	released = regexp.MustCompile(`(?m)^const Release = "(\d+\.\d+\.\d+)"$`)
	heading  = regexp.MustCompile(`(?m)^## .*$`)
	dated    = regexp.MustCompile(`^ - \d{4}-\d{2}-\d{2}$`)
)

// read returns the version and its section of CHANGELOG.md. The tag, if there is one, must say the same.
func (r release) read() (version, notes string, err error) {
	const source = "services/internal/build/build.go"
	text, err := os.ReadFile(filepath.Join(r.root, source))
	if err != nil {
		return "", "", err
	}
	match := released.FindSubmatch(text)
	if match == nil {
		return "", "", fmt.Errorf("%s: want a line const Release = \"1.2.3\"", source)
	}
	version = string(match[1])
	if r.tag != "" && r.tag != "v"+version {
		return "", "", fmt.Errorf("%s says %s, which is tag v%[2]s, got %s", source, version, r.tag)
	}
	changes, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return "", "", err
	}
	notes, err = section(string(changes), version)
	return version, notes, err
}

// section returns what a changelog says of a version, without its heading.
func section(changelog, version string) (string, error) {
	headings := heading.FindAllStringIndex(changelog, -1)
	for i, at := range headings {
		date, found := strings.CutPrefix(changelog[at[0]:at[1]], "## "+version)
		if !found || date != "" && !strings.HasPrefix(date, " ") {
			continue
		}
		if !dated.MatchString(date) {
			return "", fmt.Errorf("CHANGELOG.md: want the heading \"## %s - YYYY-MM-DD\", got %q", version, changelog[at[0]:at[1]])
		}
		end := len(changelog)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		text := strings.TrimSpace(changelog[at[1]:end])
		if text == "" {
			return "", fmt.Errorf("CHANGELOG.md: the section of %s is empty", version)
		}
		return text + "\n", nil
	}
	return "", fmt.Errorf("CHANGELOG.md: there is no section \"## %s - YYYY-MM-DD\"", version)
}
