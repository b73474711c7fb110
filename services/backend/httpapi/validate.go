package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
)

const maxFieldErrors = 50

// validate holds a request against the document, and against what the document cannot say: the body's size and form, and
// query parameters that nobody knows.
func validate(op *operation, w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > config.MaxBodyBytes {
		return tooLarge()
	}
	r.Body = http.MaxBytesReader(w, r.Body, config.MaxBodyBytes)
	if err := validateQuery(op, r.URL); err != nil {
		return err
	}
	if op.hasBody {
		if err := readJSON(r); err != nil {
			return err
		}
	}
	if err := openapi3filter.ValidateRequest(r.Context(), op.input(r)); err != nil {
		fields := fieldErrors(err, "", nil)
		return &backend.Error{
			Code:   backend.Invalid,
			Detail: "the request does not match the API's document",
			Fields: fields[:min(len(fields), maxFieldErrors)],
			Cause:  err,
		}
	}
	return nil
}

func validateQuery(op *operation, u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &backend.Error{Code: backend.Invalid, Detail: "the query is malformed", Cause: err}
	}
	if err := checkQueryUnicode(query); err != nil {
		return err
	}
	var fields []backend.FieldError
	for name, values := range query {
		if !op.query[name] {
			fields = append(fields, backend.FieldError{Pointer: name, Detail: "no such parameter"})
		} else if len(values) > 1 {
			fields = append(fields, backend.FieldError{Pointer: name, Detail: "stands more than once"})
		}
	}
	if len(fields) > 0 {
		return &backend.Error{
			Code:   backend.Invalid,
			Detail: "the query does not match the API's document",
			Fields: fields[:min(len(fields), maxFieldErrors)],
		}
	}
	return nil
}

// readJSON reads the body, which must be one JSON value, and puts it back.
func readJSON(r *http.Request) error {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return &statusError{status: http.StatusUnsupportedMediaType, detail: "the body must be application/json"}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &statusError{status: http.StatusUnsupportedMediaType, detail: "the body must not be encoded"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooLarge()
		}
		return &backend.Error{Code: backend.Invalid, Detail: "the body ended early", Cause: err}
	}
	if err := checkUnicode(body); err != nil {
		return err
	}
	if !json.Valid(body) {
		return backend.Errorf(backend.Invalid, "the body is not JSON")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func tooLarge() error {
	return &statusError{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body may have %d bytes", config.MaxBodyBytes)}
}

// fieldErrors flattens the filter's errors. Its own texts show the schema and the value; only the reason is for callers.
func fieldErrors(err error, parameter string, fields []backend.FieldError) []backend.FieldError {
	switch e := err.(type) { //nolint:errorlint // each layer is taken off by itself, below
	case openapi3.MultiError:
		for _, one := range e {
			fields = fieldErrors(one, parameter, fields)
		}
		return fields
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			parameter = e.Parameter.Name
		}
		if e.Err != nil {
			return fieldErrors(e.Err, parameter, fields)
		}
		return append(fields, backend.FieldError{Pointer: parameter, Detail: e.Reason})
	case *openapi3.SchemaError:
		pointer := parameter
		if parameter == "" {
			for _, segment := range e.JSONPointer() {
				pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(segment)
			}
		}
		return append(fields, backend.FieldError{Pointer: pointer, Detail: e.Reason})
	case *openapi3filter.ParseError:
		return append(fields, backend.FieldError{Pointer: parameter, Detail: "cannot be read: " + reason(e)})
	default:
		return append(fields, backend.FieldError{Pointer: parameter, Detail: "is missing or cannot be read"})
	}
}

func reason(e *openapi3filter.ParseError) string {
	if e.Reason != "" {
		return e.Reason
	}
	return "malformed"
}
