package client

import (
	"context"
	"iter"
	"net/http"

	"scalable-backend/services/api"
)

// pageSize of lists that are read to their end.
const pageSize = 500

// FileFilter narrows a list of files; zero fields do not.
type FileFilter struct {
	State api.FileState
	Name  string

	// ContentURLs is asked before each page whether its ready files come with content URLs, which cost the backend something. Nil
	// says no. A backend that is older than these URLs gives none.
	ContentURLs func() bool
}

// JobFilter narrows a list of jobs; zero fields do not.
type JobFilter struct {
	State  api.JobState
	FileID string
}

// Files returns all files of the filter, newest first, without their part digests. It ends after the first error.
func (a *API) Files(ctx context.Context, f FileFilter) iter.Seq2[api.File, error] {
	return pages(func(token *string) ([]api.File, *string, error) {
		size := pageSize
		p := &api.ListFilesParams{PageSize: &size, PageToken: token}
		if f.State != "" {
			p.State = &f.State
		}
		if f.Name != "" {
			p.Name = &f.Name
		}
		if f.ContentURLs != nil && f.ContentURLs() {
			p.ContentUrls = new(true)
		}
		page, err := into[api.FilePage](http.StatusOK)(a.raw.ListFiles(ctx, p))
		if p.ContentUrls != nil && StatusOf(err) == http.StatusBadRequest { // it may not know this parameter
			p.ContentUrls, f.ContentURLs = nil, nil
			page, err = into[api.FilePage](http.StatusOK)(a.raw.ListFiles(ctx, p))
		}
		return page.Files, page.NextPageToken, err
	})
}

// Jobs returns all jobs of the filter, newest first. It ends after the first error.
func (a *API) Jobs(ctx context.Context, f JobFilter) iter.Seq2[api.Job, error] {
	return pages(func(token *string) ([]api.Job, *string, error) {
		size := pageSize
		p := &api.ListJobsParams{PageSize: &size, PageToken: token}
		if f.State != "" {
			p.State = &f.State
		}
		if f.FileID != "" {
			p.FileId = &f.FileID
		}
		page, err := into[api.JobPage](http.StatusOK)(a.raw.ListJobs(ctx, p))
		return page.Jobs, page.NextPageToken, err
	})
}

// Tokens returns all tokens, newest first. It ends after the first error.
func (a *API) Tokens(ctx context.Context) iter.Seq2[api.Token, error] {
	return pages(func(token *string) ([]api.Token, *string, error) {
		size := pageSize
		page, err := into[api.TokenPage](http.StatusOK)(
			a.raw.ListTokens(ctx, &api.ListTokensParams{PageSize: &size, PageToken: token}))
		return page.Tokens, page.NextPageToken, err
	})
}

func pages[T any](get func(token *string) ([]T, *string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var token *string
		for {
			items, next, err := get(token)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			token = next
		}
	}
}
