package cli

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

var (
	idPattern     = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	idStart       = regexp.MustCompile(`^[0-9a-f]{8}[0-9a-f-]{0,28}$`)
	patternSigns  = "*?["
	maxJobsLooked = 20_000 // newest jobs among which the start of an id is looked for
)

// chooser finds the files that a person means.
type chooser struct {
	api  *client.API
	urls bool       // the files will be fetched: their content URLs are welcome
	list []api.File // all ready files, newest first, once they were needed
}

const chooseHelp = `A file is named by its id, by the beginning of its id (8 characters or more), or by its name, which means the
newest ready file of that name. A name that ends with / means all files below it, and one with *, ? or [ is a pattern
(* stops at a /); quote it.`

// isPattern reports whether a person means several files.
func isPattern(what string) bool {
	return strings.HasSuffix(what, "/") || strings.ContainsAny(what, patternSigns)
}

// choose returns the files that a person means, one or more.
func (c *chooser) choose(ctx context.Context, what string) ([]api.File, error) {
	if !utf8.ValidString(what) {
		return nil, usagef("%q is not valid UTF-8, and so no file's name", what)
	}
	if idPattern.MatchString(what) {
		f, err := c.api.GetFile(ctx, what)
		if err == nil || client.StatusOf(err) != http.StatusNotFound {
			return []api.File{f}, err
		}
	}
	if what != "" {
		filter := client.FileFilter{State: api.FileStateReady, Name: what, ContentURLs: func() bool { return c.urls }}
		f, ok, err := first(c.api.Files(ctx, filter))
		if err != nil || ok {
			return []api.File{f}, err
		}
	}
	switch {
	case isPattern(what):
		return c.match(ctx, what)
	case idStart.MatchString(what):
		return c.byIDStart(ctx, what)
	}
	return nil, fmt.Errorf("no ready file %q: %w", what, errNotFound)
}

// one is choose for a single file.
func (c *chooser) one(ctx context.Context, what string) (api.File, error) {
	files, err := c.choose(ctx, what)
	if err != nil {
		return api.File{}, err
	}
	if len(files) != 1 {
		return api.File{}, usagef("%q means %d files: want one", what, len(files))
	}
	return files[0], nil
}

// first returns the first item of a list, if it has one.
func first[T any](all iter.Seq2[T, error]) (item T, ok bool, err error) {
	for item, err := range all {
		return item, err == nil, err
	}
	return item, false, nil
}

// all returns all ready files. wanted says which of them this is about.
func (c *chooser) all(ctx context.Context, wanted func(api.File) bool) ([]api.File, error) {
	if c.list != nil {
		return c.list, nil
	}
	list := []api.File{}
	seen, found := 0, 0
	filter := client.FileFilter{State: api.FileStateReady}
	if c.urls {
		// A URL of a page costs the backend an eighth of a call for one (150 against 1,100 µs of CPU). So the next page comes with URLs
		// only if an eighth of the last one was wanted.
		filter.ContentURLs = func() bool {
			enough := 8*found >= seen
			seen, found = 0, 0
			return enough
		}
	}
	for f, err := range c.api.Files(ctx, filter) {
		if err != nil {
			return nil, err
		}
		seen++
		if wanted(f) {
			found++
		}
		list = append(list, f)
	}
	c.list = list
	return list, nil
}

// match returns the newest file of each name that a pattern or a prefix matches.
func (c *chooser) match(ctx context.Context, pattern string) ([]api.File, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("no ready file %q, and it is no pattern either: %w", pattern, errNotFound)
	}
	all, err := c.all(ctx, func(f api.File) bool { return matches(pattern, f.Name) })
	if err != nil {
		return nil, err
	}
	var found []api.File
	seen := map[string]bool{}
	for _, f := range all {
		if matches(pattern, f.Name) && !seen[f.Name] {
			seen[f.Name] = true
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no ready file matches %q: %w", pattern, errNotFound)
	}
	return found, nil
}

func matches(pattern, name string) bool {
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(name, pattern)
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

func (c *chooser) byIDStart(ctx context.Context, start string) ([]api.File, error) {
	all, err := c.all(ctx, func(api.File) bool { return false })
	if err != nil {
		return nil, err
	}
	var found []api.File
	for _, f := range all {
		if strings.HasPrefix(f.Id, start) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no ready file %q: %w", start, errNotFound)
	case 1:
		return found, nil
	}
	return nil, usagef("the ids of %d files begin with %s: give more of it", len(found), start)
}

// chooseJob returns the job of an id, or of the beginning of one.
func chooseJob(ctx context.Context, c *client.API, id string) (api.Job, error) {
	switch {
	case idPattern.MatchString(id):
		return c.GetJob(ctx, id)
	case !idStart.MatchString(id):
		return api.Job{}, usagef("%q is no job's id: want a UUID in lower case, or 8 or more characters of its beginning", id)
	}
	var found []api.Job
	looked := 0
	for j, err := range c.Jobs(ctx, client.JobFilter{}) {
		if err != nil {
			return api.Job{}, err
		}
		if strings.HasPrefix(j.Id, id) {
			found = append(found, j)
		}
		if looked++; looked == maxJobsLooked {
			break
		}
	}
	switch len(found) {
	case 0:
		return api.Job{}, fmt.Errorf("no id of the newest %d jobs begins with %s: %w", looked, id, errNotFound)
	case 1:
		return found[0], nil
	}
	return api.Job{}, usagef("the ids of %d jobs begin with %s: give more of it", len(found), id)
}
