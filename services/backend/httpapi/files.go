package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func (h *handlers) CreateFile(ctx context.Context, r CreateFileRequestObject) (CreateFileResponseObject, error) {
	file := newFile(*r.Body)
	if err := file.Validate(); err != nil {
		return nil, err
	}
	return h.once(
		ctx,
		"createFile",
		r.Params.IdempotencyKey,
		r.Body,
		func(ctx context.Context, store backend.Store) (backend.Response, error) {
			f, err := store.CreateFile(ctx, file)
			if err != nil {
				return backend.Response{}, err
			}
			return created(map[string]string{"ETag": f.ETag(), "Location": h.prefix + "/v1/files/" + f.ID.String()}, fileAnswer(f))
		},
	)
}

func (h *handlers) ListFiles(ctx context.Context, r ListFilesRequestObject) (ListFilesResponseObject, error) {
	filter := backend.FileFilter{State: backend.FileState(value(r.Params.State, "")), Name: value(r.Params.Name, "")}
	query := url.Values{}
	if r.Params.State != nil {
		query.Set("state", string(filter.State))
	}
	if r.Params.Name != nil {
		query.Set("name", filter.Name)
	}
	page, err := fetchPage(h.seal, "files", query, r.Params.PageSize, r.Params.PageToken,
		func(p backend.Page) ([]backend.File, error) { return h.service.ListFiles(ctx, filter, p) },
		func(f backend.File) backend.Cursor { return backend.Cursor{CreatedAt: f.CreatedAt, ID: f.ID} })
	if err != nil {
		return nil, err
	}
	answer := ListFiles200JSONResponse{
		Body:    api.FilePage{Files: each(page.items, fileAnswer), NextPageToken: page.next},
		Headers: ListFiles200ResponseHeaders{Link: page.link},
	}
	if !value(r.Params.ContentUrls, false) {
		return answer, nil
	}
	if page.next != nil {
		query.Set("content_urls", "true")
		answer.Headers.Link = link(query, pageSize(r.Params.PageSize), *page.next)
	}
	for i, f := range page.items {
		if f.State != backend.FileReady {
			continue
		}
		signed, err := h.service.ContentURL(ctx, f)
		if err != nil {
			return nil, err
		}
		answer.Body.Files[i].ContentUrl, answer.Body.Files[i].UrlExpiresAt = &signed.URL, &signed.ExpiresAt
	}
	return answer, nil
}

func (h *handlers) GetFile(ctx context.Context, r GetFileRequestObject) (GetFileResponseObject, error) {
	file, err := h.file(ctx, r.FileId)
	if err != nil {
		return nil, err
	}
	return GetFile200JSONResponse{Body: fileAnswer(file), Headers: GetFile200ResponseHeaders{ETag: new(file.ETag())}}, nil
}

func (h *handlers) file(ctx context.Context, text string) (backend.File, error) {
	fileID, err := id(text)
	if err != nil {
		return backend.File{}, err
	}
	return h.service.GetFile(ctx, fileID)
}

func (h *handlers) DeleteFile(ctx context.Context, r DeleteFileRequestObject) (DeleteFileResponseObject, error) {
	fileID, err := id(r.FileId)
	if err != nil {
		return nil, err
	}
	match := value(r.Params.IfMatch, "")
	if match == "*" { // any version
		match = ""
	}
	if _, err := h.service.DeleteFile(ctx, fileID, match); err != nil {
		return nil, err
	}
	return DeleteFile204Response{}, nil
}

func (h *handlers) GetFileContent(ctx context.Context, r GetFileContentRequestObject) (GetFileContentResponseObject, error) {
	file, err := h.file(ctx, r.FileId)
	if err != nil {
		return nil, err
	}
	signed, err := h.service.ContentURL(ctx, file)
	if err != nil {
		return nil, err
	}
	return GetFileContent307Response{Headers: GetFileContent307ResponseHeaders{
		Location:   &signed.URL,
		ReprDigest: new(fmt.Sprintf("sha-256=:%s:", base64.StdEncoding.EncodeToString(file.SHA256[:]))),
	}}, nil
}
