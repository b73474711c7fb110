package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"

	"scalable-backend/services/backend"
)

// once runs a request that creates something. With an Idempotency-Key it runs once, and repeats get the stored answer. Two
// requests are the same when their bodies mean the same, however the JSON is written.
func (h *handlers) once(
	ctx context.Context, route string, key *string, body any, do func(context.Context, backend.Store) (backend.Response, error),
) (storedResponse, error) {
	if key == nil {
		response, err := h.service.Once(ctx, nil, do)
		return storedResponse(response), err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return storedResponse{}, fmt.Errorf("hashing a request: %w", err)
	}
	name := backend.IdempotencyKey{Caller: callerOf(ctx).ID, Route: route, Key: *key, Hash: sha256.Sum256(text)}
	response, err := h.service.Once(ctx, &name, do)
	return storedResponse(response), err
}

func created(header map[string]string, body any) (backend.Response, error) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(body); err != nil {
		return backend.Response{}, fmt.Errorf("encoding an answer: %w", err)
	}
	return backend.Response{Status: http.StatusCreated, Header: header, Body: b.Bytes()}, nil
}

// storedResponse is an answer that is sent as it was stored, to the first request and to its repeats.
type storedResponse backend.Response

func (s storedResponse) write(w http.ResponseWriter) error {
	for name, text := range s.Header {
		w.Header().Set(name, text)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(s.Status)
	_, err := w.Write(s.Body)
	return err
}

func (s storedResponse) VisitCreateFileResponse(w http.ResponseWriter) error { return s.write(w) }
func (s storedResponse) VisitCreateJobsResponse(w http.ResponseWriter) error { return s.write(w) }
