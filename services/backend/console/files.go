package console

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

// versions is how many files of one name a file's page shows.
const versions = 20

// filesData is what the list of files shows.
type filesData struct {
	State, Name, Text string
	States            []backend.FileState
	Found             backend.Found[backend.FoundFile]
	After             bool
	First, Next       string
}

// Any tells whether the filter lets less than everything through.
func (d filesData) Any() bool { return d.State+d.Name+d.Text != "" }

func (c *Console) files(q *request) (*page, error) {
	query := q.URL.Query()
	d := filesData{State: query.Get("state"), States: []backend.FileState{backend.FilePending, backend.FileReady}}
	var err error
	if d.Name, err = searchText("name", query.Get("name"), maxName); err != nil {
		return nil, err
	}
	if d.Text, err = searchText("text", query.Get("text"), maxText); err != nil {
		return nil, err
	}
	if id, err := uuid.Parse(d.Text); err == nil { // a whole id is meant
		if _, err := c.Service.GetFile(q.Context(), id); err == nil {
			return &page{redirect: "/files/" + id.String()}, nil
		}
	}
	after, err := cursorOf(query.Get("after"))
	if err != nil {
		return nil, err
	}
	search := backend.FileSearch{State: backend.FileState(d.State), Name: d.Name, Text: d.Text}
	if d.Found, err = c.Service.SearchFiles(q.Context(), search, backend.Page{Size: pageSize, After: after}); err != nil {
		return nil, err
	}
	d.After = after != backend.Cursor{}
	own := url.Values{"state": {d.State}, "name": {d.Name}, "text": {d.Text}}
	d.First, d.Next = pages("/files", own, query.Get("renew"), d.Found.More, d.Found.Next)
	return &page{template: "files", title: "Files", data: d, renew: renewal}, nil
}

// fileData is what a file's page shows.
type fileData struct {
	backend.File
	Versions []backend.FoundFile // all files of the name, this one included
	More     bool                // there are more versions
	ShowJobs bool
	Jobs     backend.Found[backend.FoundJob]
	Delete   bool
}

func (c *Console) file(q *request) (*page, error) {
	id, err := pathID(q, "file")
	if err != nil {
		return nil, err
	}
	d := fileData{ShowJobs: q.caller.Has(backend.Jobs), Delete: q.caller.Has(backend.FilesWrite)}
	if d.File, err = c.Service.GetFile(q.Context(), id); err != nil {
		return nil, err
	}
	found, err := c.Service.SearchFiles(q.Context(), backend.FileSearch{Name: d.Name}, backend.Page{Size: versions})
	if err != nil {
		return nil, err
	}
	d.Versions, d.More = found.Items, found.More
	if d.ShowJobs {
		if d.Jobs, err = c.Service.SearchJobs(q.Context(), backend.JobSearch{FileID: &id}, backend.Page{Size: versions}); err != nil {
			return nil, err
		}
	}
	return &page{template: "file", title: "File " + short(id), data: d, renew: renewal}, nil
}

// content leads to the file's bytes, which never pass through here.
func (c *Console) content(q *request) (*page, error) {
	id, err := pathID(q, "file")
	if err != nil {
		return nil, err
	}
	file, err := c.Service.GetFile(q.Context(), id)
	if err != nil {
		return nil, err
	}
	signed, err := c.Service.ContentURL(q.Context(), file)
	if err != nil {
		return nil, err
	}
	q.w.Header().Set("Location", signed.URL)
	return &page{status: http.StatusSeeOther, redirect: signed.URL}, nil
}

// deleteFile removes a file, after a confirmation.
func (c *Console) deleteFile(q *request) (*page, error) {
	id, err := pathID(q, "file")
	if err != nil {
		return nil, err
	}
	if q.PostFormValue("confirmed") == "" {
		file, err := c.Service.GetFile(q.Context(), id)
		if err != nil {
			return nil, err
		}
		return confirmation("Delete the file", file.Name, "Its bytes are removed from the bucket. Copies that agents have published stay.",
			q.URL.Path, localPath(q.PostFormValue("back"))), nil
	}
	if _, err := c.Service.DeleteFile(q.Context(), id, ""); err != nil {
		return nil, err
	}
	return &page{redirect: did("/files", "deleted", 1)}, nil
}
