package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

const defaultPageSize = 50

// sealer makes page tokens: positions in a list that clients can neither read nor make up. A token is good for the list and
// the filter for which it was made.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (*sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "page-token/1", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the page tokens' key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making the page tokens' cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &sealer{aead}, err
}

func (s *sealer) seal(list string, position []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, position, []byte(list)))
}

func (s *sealer) open(list string, token *string) ([]byte, error) {
	if token == nil {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		sealed, err = s.aead.Open(nil, nil, sealed, []byte(list))
	}
	if err != nil {
		return nil, &backend.Error{Code: backend.Invalid, Detail: "the page token is not of this list", Cause: err,
			Fields: []backend.FieldError{{Pointer: "page_token", Detail: "not a token of this list"}}}
	}
	return sealed, nil
}

func sealCursor(c backend.Cursor) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro())), c.ID[:]...)
}

func (s *sealer) openCursor(list string, token *string) (backend.Cursor, error) {
	position, err := s.open(list, token)
	if err != nil || position == nil {
		return backend.Cursor{}, err
	}
	return backend.Cursor{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(position))).UTC(),
		ID:        uuid.UUID(position[8:24]),
	}, nil
}

// listed is one page of a list and what leads to the next.
type listed[T any] struct {
	items []T
	next  *string
	link  *string
}

// fetchPage fetches one page. It asks for one item more than it gives: that one says whether there is a next page.
func fetchPage[T any](s *sealer, name string, filter url.Values, size *int, token *string,
	fetch func(backend.Page) ([]T, error), cursor func(T) backend.Cursor) (listed[T], error) {
	after, err := s.openCursor(name+"?"+filter.Encode(), token)
	if err != nil {
		return listed[T]{}, err
	}
	n := pageSize(size)
	items, err := fetch(backend.Page{Size: n + 1, After: after})
	if err != nil || len(items) <= n {
		return listed[T]{items: items}, err
	}
	items = items[:n]
	next := s.seal(name+"?"+filter.Encode(), sealCursor(cursor(items[n-1])))
	return listed[T]{items, &next, link(filter, n, next)}, nil
}

// link is a reference relative to the request, which holds with and without API Gateway's stage in the path.
func link(filter url.Values, size int, token string) *string {
	query := url.Values{"page_size": {strconv.Itoa(size)}, "page_token": {token}}
	for name, values := range filter {
		query[name] = values
	}
	return new(fmt.Sprintf(`<?%s>; rel="next"`, query.Encode()))
}

func pageSize(size *int) int {
	if size == nil {
		return defaultPageSize
	}
	return *size
}
