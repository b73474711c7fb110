package objectstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/internal/leak"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(testenv.Run(m))) }

// A server that refuses a body early closes the connection: none is used twice.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

const mib = 1 << 20

func setup(t *testing.T, change ...func(*objectstore.Config)) *objectstore.Store {
	t.Helper()
	bucket := testenv.Bucket(t)
	config := objectstore.Config{
		Bucket: bucket.Bucket, Region: bucket.Region, Endpoint: bucket.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(bucket.AccessKey, bucket.SecretKey, ""),
	}
	for _, c := range change {
		c(&config)
	}
	store, err := objectstore.New(config)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

// send makes the presigned request; chunked hides the body's length from net/http.
func send(t *testing.T, method string, signed backend.SignedURL, body []byte, chunked bool) (int, []byte) {
	t.Helper()
	status, answer, err := try(t, method, signed, body, chunked)
	require.NoError(t, err)
	return status, answer
}

// try is send for a request that the store may refuse by cutting the connection.
func try(t *testing.T, method string, signed backend.SignedURL, body []byte, chunked bool) (int, []byte, error) {
	t.Helper()
	var reader io.Reader = bytes.NewReader(body)
	if chunked {
		reader = io.MultiReader(reader)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, signed.URL, reader)
	require.NoError(t, err)
	for name, value := range signed.Header {
		request.Header.Set(name, value)
	}
	request.Close = true // a connection on which a body was refused is of no use to the next request
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	store, key := setup(t), "files/"+uuid.NewString()
	data := bytes.Repeat([]byte("0123456789abcdef"), (5*mib+16)/16)
	first, second := data[:5*mib], data[5*mib:]

	id, err := store.CreateMultipart(t.Context(), key)
	require.NoError(t, err)
	for number, part := range map[int][]byte{1: first, 2: second} {
		signed, err := store.PresignPart(t.Context(), key, id, number, int64(len(part)), sha256.Sum256(part))
		require.NoError(t, err)
		status, answer := send(t, http.MethodPut, signed, part, false)
		require.Equal(t, http.StatusOK, status, "%s", answer)
	}

	parts, err := store.ListParts(t.Context(), key, id, 0, 1000)
	require.NoError(t, err)
	require.Len(t, parts, 2)
	require.Equal(t, sha256.Sum256(second), parts[1].SHA256)
	require.EqualValues(t, len(second), parts[1].Size)
	after, err := store.ListParts(t.Context(), key, id, 1, 1000)
	require.NoError(t, err)
	require.Equal(t, parts[1:], after)
	one, err := store.ListParts(t.Context(), key, id, 0, 1)
	require.NoError(t, err)
	require.Equal(t, parts[:1], one)

	version, err := store.CompleteMultipart(t.Context(), key, id, parts)
	require.NoError(t, err)
	size, headed, err := store.Head(t.Context(), key)
	require.NoError(t, err)
	require.EqualValues(t, len(data), size)
	require.Equal(t, version, headed)

	_, err = store.ListParts(t.Context(), key, id, 0, 1000)
	require.Equal(t, backend.NotFound, backend.CodeOf(err), "%v", err)
	require.NoError(t, store.AbortMultipart(t.Context(), key, id))

	signed, err := store.PresignGet(t.Context(), key, version)
	require.NoError(t, err)
	require.Empty(t, signed.Header)
	status, got := send(t, http.MethodGet, signed, nil, false)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, sha256.Sum256(data), sha256.Sum256(got))

	require.NoError(t, store.Delete(t.Context(), key, version))
	require.NoError(t, store.Delete(t.Context(), key, version))
	_, _, err = store.Head(t.Context(), key)
	require.Equal(t, backend.NotFound, backend.CodeOf(err), "%v", err)
}

func TestPartPUTAcceptsOnlyTheSignedBytes(t *testing.T) {
	t.Parallel()
	store, key := setup(t), "files/"+uuid.NewString()
	id, err := store.CreateMultipart(t.Context(), key)
	require.NoError(t, err)
	right := []byte("the right bytes")
	signed, err := store.PresignPart(t.Context(), key, id, 1, int64(len(right)), sha256.Sum256(right))
	require.NoError(t, err)
	require.Contains(t, signed.Header, "Content-Length")
	require.Contains(t, signed.Header, "X-Amz-Checksum-Sha256")
	require.Contains(t, signed.URL, "content-length%3Bhost%3Bx-amz-checksum-sha256")

	without := func(name string) backend.SignedURL {
		header := map[string]string{}
		for k, v := range signed.Header {
			if k != name {
				header[k] = v
			}
		}
		return backend.SignedURL{URL: signed.URL, Header: header}
	}
	other := sha256.Sum256([]byte("the wrong bytes"))
	forged, err := store.PresignPart(t.Context(), key, id, 1, int64(len(right)), other)
	require.NoError(t, err)
	cases := map[string]struct {
		signed  backend.SignedURL
		body    string
		chunked bool
	}{
		"wrong bytes of the right length": {signed, "the wrong bytes", false},
		"too short":                       {signed, "the right", false},
		"too long":                        {signed, "the right bytes and more", false},
		"empty":                           {signed, "", false},
		"length hidden":                   {without("Content-Length"), "the right bytes and more", true},
		"checksum left out":               {without("X-Amz-Checksum-Sha256"), "the wrong bytes", false},
		"another checksum":                {backend.SignedURL{URL: signed.URL, Header: forged.Header}, "the wrong bytes", false},
	}
	for name, c := range cases {
		status, answer, err := try(t, http.MethodPut, c.signed, []byte(c.body), c.chunked)
		if err != nil {
			continue // cut before all of the body was sent; what counts is that nothing is stored, see below
		}
		require.GreaterOrEqual(t, status, 400, "%s: %s", name, answer)
		require.Less(t, status, 500, "%s: %s", name, answer)
	}
	parts, err := store.ListParts(t.Context(), key, id, 0, 1000)
	require.NoError(t, err)
	require.Empty(t, parts)
	status, answer := send(t, http.MethodPut, signed, right, false)
	require.Equal(t, http.StatusOK, status, "%s", answer)
}

func TestEmptyObject(t *testing.T) {
	t.Parallel()
	store, key := setup(t), "files/"+uuid.NewString()
	version, err := store.PutEmpty(t.Context(), key)
	require.NoError(t, err)
	size, headed, err := store.Head(t.Context(), key)
	require.NoError(t, err)
	require.Zero(t, size)
	require.Equal(t, version, headed)
	signed, err := store.PresignGet(t.Context(), key, version)
	require.NoError(t, err)
	status, body := send(t, http.MethodGet, signed, nil, false)
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, body)
}

func TestGetIsPinnedToItsVersion(t *testing.T) {
	t.Parallel()
	store, key := setup(t), "files/"+uuid.NewString()
	old, err := store.PutEmpty(t.Context(), key)
	require.NoError(t, err)
	signed, err := store.PresignGet(t.Context(), key, old)
	require.NoError(t, err)
	require.NoError(t, store.Delete(t.Context(), key, old))
	_, err = store.PutEmpty(t.Context(), key)
	require.NoError(t, err)
	status, _ := send(t, http.MethodGet, signed, nil, false)
	require.Equal(t, http.StatusNotFound, status)
}

func TestURLEndsWithTheCredentials(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(3 * time.Minute)
	temporary := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c", CanExpire: true, Expires: soon}, nil
	})
	store := setup(t, func(c *objectstore.Config) { c.Credentials, c.URLTTL = temporary, 10*time.Minute })
	signed, err := store.PresignGet(t.Context(), "k", "v")
	require.NoError(t, err)
	require.WithinDuration(t, soon, signed.ExpiresAt, time.Second)
	require.Contains(t, signed.URL, "X-Amz-Expires=600")
	require.Contains(t, signed.URL, "X-Amz-Security-Token=c")

	store = setup(t, func(c *objectstore.Config) { c.Credentials, c.URLTTL = temporary, time.Minute })
	signed, err = store.PresignGet(t.Context(), "k", "v")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Minute), signed.ExpiresAt, 2*time.Second)
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	store := setup(t, func(c *objectstore.Config) { c.Endpoint = "http://127.0.0.1:1" })
	_, err := store.CreateMultipart(t.Context(), "k")
	require.Equal(t, backend.Unavailable, backend.CodeOf(err), "%v", err)

	broken := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no role")
	})
	store = setup(t, func(c *objectstore.Config) { c.Credentials = broken })
	_, err = store.PresignGet(t.Context(), "k", "v")
	require.Equal(t, backend.Unavailable, backend.CodeOf(err), "%v", err)
	require.False(t, strings.Contains(err.(*backend.Error).Detail, "role"))
}
