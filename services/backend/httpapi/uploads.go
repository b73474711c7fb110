package httpapi

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func (h *handlers) CreateUpload(ctx context.Context, r CreateUploadRequestObject) (CreateUploadResponseObject, error) {
	fileID, err := id(r.FileId)
	if err != nil {
		return nil, err
	}
	upload, file, err := h.service.CreateUpload(ctx, fileID)
	if err != nil {
		return nil, err
	}
	return CreateUpload201JSONResponse{
		Body:    api.Upload{Id: upload.ID.String(), FileId: r.FileId, PartCount: file.PartCount(), CreatedAt: upload.CreatedAt},
		Headers: CreateUpload201ResponseHeaders{Location: new(h.prefix + "/v1/files/" + r.FileId + "/uploads/" + upload.ID.String())},
	}, nil
}

// uploadIDs reads the two ids of an upload's path.
func uploadIDs(file, upload string) (uuid.UUID, uuid.UUID, error) {
	fileID, err := id(file)
	if err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	uploadID, err := id(upload)
	return fileID, uploadID, err
}

func (h *handlers) AbortUpload(ctx context.Context, r AbortUploadRequestObject) (AbortUploadResponseObject, error) {
	fileID, uploadID, err := uploadIDs(r.FileId, r.UploadId)
	if err != nil {
		return nil, err
	}
	if err := h.service.AbortUpload(ctx, fileID, uploadID); err != nil {
		return nil, err
	}
	return AbortUpload204Response{}, nil
}

func (h *handlers) ListUploadParts(ctx context.Context, r ListUploadPartsRequestObject) (ListUploadPartsResponseObject, error) {
	fileID, uploadID, err := uploadIDs(r.FileId, r.UploadId)
	if err != nil {
		return nil, err
	}
	name := "parts?" + r.UploadId
	position, err := h.seal.open(name, r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	after := 0
	if position != nil {
		after = int(binary.BigEndian.Uint32(position))
	}
	size := pageSize(r.Params.PageSize)
	parts, more, err := h.service.ListUploadParts(ctx, fileID, uploadID, after, size)
	if err != nil {
		return nil, err
	}
	page := api.UploadPartPage{Parts: each(parts, partAnswer), UrlExpiresAt: backend.FirstExpiry(parts)}
	if page.UrlExpiresAt.IsZero() { // no URLs: nothing that could end
		page.UrlExpiresAt = time.Now().UTC().Truncate(time.Second)
	}
	answer := ListUploadParts200JSONResponse{Body: page}
	if more {
		next := h.seal.seal(name, binary.BigEndian.AppendUint32(nil, uint32(after+len(parts))))
		answer.Body.NextPageToken, answer.Headers.Link = &next, link(url.Values{}, size, next)
	}
	return answer, nil
}

func partAnswer(p backend.UploadPart) api.UploadPart {
	part := api.UploadPart{Number: p.Number, Offset: p.Offset, Size: p.Size, Sha256: hex.EncodeToString(p.SHA256[:]), Uploaded: p.Uploaded}
	if !p.Uploaded {
		part.Url, part.Headers = &p.Put.URL, &p.Put.Header
	}
	return part
}

func (h *handlers) CompleteUpload(ctx context.Context, r CompleteUploadRequestObject) (CompleteUploadResponseObject, error) {
	fileID, uploadID, err := uploadIDs(r.FileId, r.UploadId)
	if err != nil {
		return nil, err
	}
	file, err := h.service.CompleteUpload(ctx, fileID, uploadID)
	if err != nil {
		return nil, err
	}
	return CompleteUpload200JSONResponse{Body: fileAnswer(file), Headers: CompleteUpload200ResponseHeaders{ETag: new(file.ETag())}}, nil
}
