package console

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

const (
	// pageSize is how many rows a list has, so that a page stays below 50 KB.
	pageSize = 25
	// maxText is the longest text that is searched for, in bytes; a name may have maxName.
	maxText = 100
	maxName = 1024
)

// jobsData is what the list of jobs shows.
type jobsData struct {
	Filter jobFilter
	States []backend.JobState
	Found  backend.Found[backend.FoundJob]
	After  bool         // this is not the first page
	First  string       // address of the newest page
	Next   string       // of the page behind this one, "" without one
	Retry  bool         // the filter lets jobs through that can be retried
	Cancel bool         // or cancelled
	File   backend.File // whose jobs these are; zero for a list of others
}

// jobFilter is a search for jobs as the form has it.
type jobFilter struct{ State, File, Dest, Agent, Text string }

func (f jobFilter) query() url.Values {
	return url.Values{"state": {f.State}, "file": {f.File}, "dest": {f.Dest}, "agent": {f.Agent}, "text": {f.Text}}
}

// Any tells whether the filter lets less than everything through.
func (f jobFilter) Any() bool { return f != jobFilter{} }

var jobStates = []backend.JobState{
	backend.JobQueued, backend.JobLeased, backend.JobSucceeded, backend.JobDead, backend.JobCancelled,
}

func jobFilterOf(get func(string) string) (f jobFilter, err error) {
	for _, t := range []struct {
		name string
		into *string
		most int
	}{
		{"state", &f.State, maxText}, {"file", &f.File, maxName}, {"dest", &f.Dest, maxName}, {"agent", &f.Agent, maxText},
		{"text", &f.Text, maxText},
	} {
		if *t.into, err = searchText(t.name, get(t.name), t.most); err != nil {
			return f, err
		}
	}
	return f, nil
}

// searchText is a text to search for, without the white space that comes with copying.
func searchText(name, text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > most || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", backend.Errorf(backend.Invalid, "%s: want at most %d bytes of text", name, most)
	}
	return text, nil
}

// search makes a domain search of a filter whose file is an id.
func (f jobFilter) search() (s backend.JobSearch, err error) {
	s = backend.JobSearch{State: backend.JobState(f.State), Dest: f.Dest, Agent: f.Agent, Text: f.Text}
	if f.File != "" {
		id, err := uuid.Parse(f.File)
		if err != nil {
			return s, backend.Errorf(backend.NotFound, "no file has this name")
		}
		s.FileID = &id
	}
	return s, nil
}

// shortcut is where a search leads that names one thing: a whole job's id to the job, a file's name to the jobs of its newest version.
func (c *Console) shortcut(q *request, f jobFilter) (redirect string, err error) {
	if id, err := uuid.Parse(f.Text); err == nil {
		if _, err := c.Service.GetJob(q.Context(), id); err == nil {
			return "/jobs/" + id.String(), nil
		}
	}
	if _, err := uuid.Parse(f.File); err == nil || f.File == "" || !q.caller.Has(backend.FilesRead) {
		return "", nil
	}
	files, err := c.Service.ListFiles(q.Context(), backend.FileFilter{Name: f.File}, backend.Page{Size: 1})
	if err != nil || len(files) == 0 {
		return "", err
	}
	f.File = files[0].ID.String()
	return address("/jobs", f.query()), nil
}

func (c *Console) jobs(q *request) (*page, error) {
	query := q.URL.Query()
	filter, err := jobFilterOf(query.Get)
	if err != nil {
		return nil, err
	}
	if redirect, err := c.shortcut(q, filter); err != nil || redirect != "" {
		return &page{redirect: redirect}, err
	}
	after, err := cursorOf(query.Get("after"))
	if err != nil {
		return nil, err
	}
	search, err := filter.search()
	if err != nil {
		return nil, err
	}
	found, err := c.Service.SearchJobs(q.Context(), search, backend.Page{Size: pageSize, After: after})
	if err != nil {
		return nil, err
	}
	state := search.State
	d := jobsData{
		Filter: filter, States: jobStates, Found: found, After: after != backend.Cursor{},
		Retry:  state == "" || state == backend.JobDead || state == backend.JobCancelled,
		Cancel: state == "" || state == backend.JobQueued || state == backend.JobLeased,
	}
	if search.FileID != nil && q.caller.Has(backend.FilesRead) {
		if d.File, err = c.Service.GetFile(q.Context(), *search.FileID); err != nil && backend.CodeOf(err) != backend.NotFound {
			return nil, err
		}
	}
	d.First, d.Next = pages("/jobs", filter.query(), query.Get("renew"), found.More, found.Next)
	return &page{template: "jobs", title: "Jobs", data: d, renew: renewal}, nil
}

// pages are the addresses of the first page of a list and of the next one.
func pages(path string, query url.Values, renew string, more bool, next backend.Cursor) (first, behind string) {
	query.Set("renew", renew)
	first = address(path, query)
	if more {
		query.Set("after", cursorText(next))
		behind = address(path, query)
	}
	return first, behind
}

// cursorText writes a position in a list, cursorOf reads it. It tells nothing that the list does not.
func cursorText(c backend.Cursor) string {
	return strconv.FormatInt(c.CreatedAt.UnixMicro(), 10) + "_" + c.ID.String()
}

func cursorOf(text string) (c backend.Cursor, err error) {
	if text == "" {
		return c, nil
	}
	at, id, _ := strings.Cut(text, "_")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err == nil {
		c.ID, err = uuid.Parse(id)
	}
	// The years that PostgreSQL and Go both know.
	if c.CreatedAt = time.UnixMicro(micros).UTC(); err != nil || c.CreatedAt.Year() < 1 || c.CreatedAt.Year() > 9999 {
		return backend.Cursor{}, &backend.Error{Code: backend.Invalid, Detail: "after: this is no position in a list", Cause: err}
	}
	return c, nil
}
