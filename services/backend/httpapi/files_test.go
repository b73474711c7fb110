package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func TestUploadAndDownload(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, size := range []int{0, 1, partSize, partSize + 1, 2*partSize + 12345} {
		data := bytes.Repeat([]byte("scalable"), size/8+1)[:size]
		file, upload := b.register(fmt.Sprintf("dir/%d.bin", size), data)
		require.Equal(t, api.FileStatePending, file.State)
		require.Equal(t, (size+partSize-1)/partSize, upload.PartCount)
		b.call(409, "GET", "/v1/files/"+file.Id+"/content", nil, nil)

		b.putParts(upload, data)
		var page api.UploadPartPage
		b.call(200, "GET", uploadPath(upload)+"/parts", nil, &page)
		for _, part := range page.Parts {
			require.True(t, part.Uploaded)
			require.Nil(t, part.Url)
		}
		var done, again api.File
		first := b.call(200, "PUT", uploadPath(upload)+"/completion", nil, &done)
		b.call(200, "PUT", uploadPath(upload)+"/completion", nil, &again)
		require.Equal(t, done, again)
		require.NotNil(t, done.Version)
		require.NotNil(t, done.ReadyAt)
		got := b.call(200, "GET", "/v1/files/"+file.Id, nil, &again)
		require.Equal(t, done, again)
		require.Equal(t, first.header.Get("ETag"), got.header.Get("ETag"))
		b.call(200, "GET", uploadPath(upload)+"/parts", nil, &page)
		b.call(409, "POST", "/v1/files/"+file.Id+"/uploads", nil, nil)
		b.call(409, "DELETE", uploadPath(upload), nil, nil)

		content := b.call(307, "GET", "/v1/files/"+file.Id+"/content", nil, nil)
		digest := sha256.Sum256(data)
		require.Equal(t, "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":", content.header.Get("Repr-Digest"))
		response, err := http.Get(content.header.Get("Location"))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, 200, response.StatusCode)
		require.True(t, bytes.Equal(data, body))
	}
	http.DefaultClient.CloseIdleConnections()
}

// A list gives URLs to who asks for them, and to ready files alone. A page's token does not care.
func TestListWithContentURLs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data := []byte("some bytes")
	file := b.ready("ready", data)
	b.register("pending", data)

	var page api.FilePage
	first := b.call(200, "GET", "/v1/files?page_size=1&content_urls=true", nil, &page)
	require.Nil(t, page.Files[0].ContentUrl, "it is pending")
	require.Nil(t, page.Files[0].UrlExpiresAt)
	require.Contains(t, first.header.Get("Link"), "content_urls=true")
	token := url.QueryEscape(*page.NextPageToken)
	b.call(200, "GET", "/v1/files?page_size=1&page_token="+token, nil, &page)
	require.Equal(t, file.Id, page.Files[0].Id)
	require.Nil(t, page.Files[0].ContentUrl, "nobody asked for it")
	b.call(200, "GET", "/v1/files?page_size=1&content_urls=true&page_token="+token, nil, &page)
	require.WithinDuration(t, time.Now().Add(15*time.Minute), *page.Files[0].UrlExpiresAt, time.Minute)
	response, err := http.Get(*page.Files[0].ContentUrl)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	require.Equal(t, string(data), string(body))
	http.DefaultClient.CloseIdleConnections()
}

func TestNothingButTheRegisteredBytesIsAccepted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data := bytes.Repeat([]byte("right"), (partSize+100)/5)
	wrong := bytes.Repeat([]byte("wrong"), (partSize+100)/5)
	file, upload := b.register("f", data)
	var page api.UploadPartPage
	b.call(200, "GET", uploadPath(upload)+"/parts", nil, &page)
	require.Equal(t, 400, b.put(page.Parts[0], wrong[:partSize]), "wrong bytes of the right length")
	require.Equal(t, 403, b.put(page.Parts[1], data[:50]), "wrong length")

	got := b.call(409, "PUT", uploadPath(upload)+"/completion", nil, nil)
	require.Len(t, *problemOf(t, got).Errors, 2)
	require.Equal(t, 200, b.put(page.Parts[1], data[partSize:]))
	got = b.call(409, "PUT", uploadPath(upload)+"/completion", nil, nil)
	require.Equal(t, "/parts/1", *(*problemOf(t, got).Errors)[0].Pointer)

	b.call(200, "GET", uploadPath(upload)+"/parts", nil, &page)
	require.False(t, page.Parts[0].Uploaded)
	require.True(t, page.Parts[1].Uploaded)
	require.Equal(t, 200, b.put(page.Parts[0], data[:partSize]))
	var done api.File
	b.call(200, "PUT", uploadPath(upload)+"/completion", nil, &done)
	require.Equal(t, file.Id, done.Id)
	require.Equal(t, api.FileStateReady, done.State)
}

// TestForeignPart puts a part past the signed URLs: completion must not trust the object store.
func TestForeignPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data, foreign := []byte("what was registered"), []byte("what somebody put in")
	_, upload := b.register("f", data)
	stored, err := b.store.GetUpload(t.Context(), uuid.MustParse(upload.FileId), uuid.MustParse(upload.Id))
	require.NoError(t, err)
	signed, err := b.objects.PresignPart(t.Context(), stored.Key, stored.S3UploadID, 1, int64(len(foreign)), sha256.Sum256(foreign))
	require.NoError(t, err)
	require.Equal(t, 200, b.put(api.UploadPart{Url: &signed.URL, Headers: &signed.Header}, foreign))
	got := b.call(409, "PUT", uploadPath(upload)+"/completion", nil, nil)
	require.Contains(t, string(got.body), "part 1 has")
	b.putParts(upload, data)
	b.call(200, "PUT", uploadPath(upload)+"/completion", nil, nil)
}

func TestCompletionAfterACrash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data := []byte("assembled, but not recorded")
	_, upload := b.register("f", data)
	b.putParts(upload, data)
	stored, err := b.store.GetUpload(t.Context(), uuid.MustParse(upload.FileId), uuid.MustParse(upload.Id))
	require.NoError(t, err)
	parts, err := b.objects.ListParts(t.Context(), stored.Key, stored.S3UploadID, 0, 10)
	require.NoError(t, err)
	version, err := b.objects.CompleteMultipart(t.Context(), stored.Key, stored.S3UploadID, parts)
	require.NoError(t, err)
	var page api.UploadPartPage
	b.call(200, "GET", uploadPath(upload)+"/parts", nil, &page)
	require.True(t, page.Parts[0].Uploaded, "the object is there: nothing is missing but the completion")
	var done api.File
	b.call(200, "PUT", uploadPath(upload)+"/completion", nil, &done)
	require.Equal(t, version, *done.Version)
}

func TestTwoUploadsOfOneFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, data := range map[string][]byte{"bytes": []byte("x"), "empty": nil} {
		file, first := b.register(name, data)
		var second api.Upload
		b.call(201, "POST", "/v1/files/"+file.Id+"/uploads", nil, &second)
		b.putParts(first, data)
		b.putParts(second, data)
		var one, two api.File
		b.call(200, "PUT", uploadPath(second)+"/completion", nil, &two)
		b.call(200, "PUT", uploadPath(first)+"/completion", nil, &one)
		require.Equal(t, two, one)
		loser, err := b.store.GetUpload(t.Context(), uuid.MustParse(file.Id), uuid.MustParse(first.Id))
		require.NoError(t, err)
		_, _, err = b.objects.Head(t.Context(), loser.Key)
		require.Equal(t, backend.NotFound, backend.CodeOf(err))
		if len(data) > 0 {
			_, err = b.objects.ListParts(t.Context(), loser.Key, loser.S3UploadID, 0, 1)
			require.Equal(t, backend.NotFound, backend.CodeOf(err), "the loser's parts are dropped")
		}
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file, upload := b.register("f", []byte("x"))
	b.putParts(upload, []byte("x"))
	b.call(204, "DELETE", uploadPath(upload), nil, nil)
	b.call(404, "PUT", uploadPath(upload)+"/completion", nil, nil)
	var again api.File
	b.call(200, "GET", "/v1/files/"+file.Id, nil, &again)
	require.Equal(t, api.FileStatePending, again.State)
	b.call(201, "POST", "/v1/files/"+file.Id+"/uploads", nil, nil)
}

func TestDeleteFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pending, _ := b.register("pending", []byte("x"))
	file := b.ready("f", []byte("x"))
	stored, err := b.store.GetFile(t.Context(), uuid.MustParse(file.Id))
	require.NoError(t, err)
	etag := b.call(200, "GET", "/v1/files/"+file.Id, nil, nil).header.Get("ETag")
	old := b.call(200, "GET", "/v1/files/"+pending.Id, nil, nil).header.Get("ETag")
	b.do(412, request{method: "DELETE", path: "/v1/files/" + file.Id, header: http.Header{"If-Match": {old}}})

	submitted := b.submit(file)
	b.call(409, "DELETE", "/v1/files/"+file.Id, nil, nil)
	b.call(200, "PUT", "/v1/jobs/"+submitted[0].Job.Id+"/cancellation", nil, nil)
	b.do(204, request{method: "DELETE", path: "/v1/files/" + file.Id, header: http.Header{"If-Match": {etag}}})
	b.call(404, "GET", "/v1/files/"+file.Id, nil, nil)
	b.call(404, "DELETE", "/v1/files/"+file.Id, nil, nil)
	_, _, err = b.objects.Head(t.Context(), stored.Key)
	require.Equal(t, backend.NotFound, backend.CodeOf(err))
	b.do(204, request{method: "DELETE", path: "/v1/files/" + pending.Id, header: http.Header{"If-Match": {"*"}}})
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := func(k string) http.Header { return http.Header{"Idempotency-Key": {k}} }
	body := describe("once", nil)
	first := b.do(201, request{method: "POST", path: "/v1/files", body: body, header: key("k")})
	require.NotEmpty(t, first.header.Get("ETag"))
	again := b.do(201, request{method: "POST", path: "/v1/files", body: body, header: key("k")})
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, first.header.Get("ETag"), again.header.Get("ETag"))
	b.do(422, request{method: "POST", path: "/v1/files", body: describe("other", nil), header: key("k")})
	other := b.do(201, request{gateway: true, method: "POST", path: "/v1/files", body: body, header: key("k")})
	require.NotEqual(t, string(first.body), string(other.body), "another caller's key")
	var page api.FilePage
	b.call(200, "GET", "/v1/files", nil, &page)
	require.Len(t, page.Files, 2)

	file := b.ready("f", nil)
	jobs := api.NewJobs{Jobs: []api.NewJob{{FileId: file.Id}}}
	first = b.do(201, request{method: "POST", path: "/v1/jobs", body: jobs, header: key("k")})
	again = b.do(201, request{method: "POST", path: "/v1/jobs", body: jobs, header: key("k")})
	require.Equal(t, string(first.body), string(again.body), "not marked as existing: it is the first answer")
	var submitted api.SubmittedJobs
	b.call(201, "POST", "/v1/jobs", jobs, &submitted)
	require.True(t, submitted.Jobs[0].Existing)
}

var nextLink = regexp.MustCompile(`^<(.+)>; rel="next"$`)

func TestPagination(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var want []string
	for i := range 7 {
		var file api.File
		b.call(201, "POST", "/v1/files", describe(fmt.Sprintf("f%d", i), nil), &file)
		want = append([]string{file.Id}, want...)
	}
	for _, door := range []bool{false, true} {
		at, err := url.Parse(map[bool]string{false: "/v1/files", true: "/live/v1/files"}[door] + "?page_size=3&state=pending")
		require.NoError(t, err)
		var got []string
		for sizes := []int{3, 3, 1}; ; sizes = sizes[1:] {
			var page api.FilePage
			answer := b.do(200, request{gateway: door, method: "GET", path: at.String()})
			answer.into(t, &page)
			require.Len(t, page.Files, sizes[0])
			for _, f := range page.Files {
				got = append(got, f.Id)
				require.Empty(t, f.PartDigests)
			}
			match := nextLink.FindStringSubmatch(answer.header.Get("Link"))
			if match == nil {
				require.Nil(t, page.NextPageToken)
				break
			}
			require.Contains(t, match[1], url.QueryEscape(*page.NextPageToken))
			b.do(400, request{method: "GET", path: "/v1/files?page_token=" + *page.NextPageToken}) // another filter
			b.do(400, request{method: "GET", path: "/v1/jobs?page_token=" + *page.NextPageToken})
			at, err = at.Parse(match[1])
			require.NoError(t, err)
		}
		require.Equal(t, want, got)
	}
	var page api.FilePage
	b.call(200, "GET", "/v1/files?name=f3", nil, &page)
	require.Len(t, page.Files, 1)
	b.call(200, "GET", "/v1/files?page_size=1000", nil, &page)
	require.Len(t, page.Files, 7)
}

func TestPartsArePaged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, upload := b.register("f", make([]byte, 3*partSize+1))
	var numbers []int
	path := uploadPath(upload) + "/parts?page_size=3"
	for path != "" {
		var page api.UploadPartPage
		b.call(200, "GET", path, nil, &page)
		for _, p := range page.Parts {
			numbers = append(numbers, p.Number)
		}
		path = ""
		if page.NextPageToken != nil {
			path = uploadPath(upload) + "/parts?page_size=3&page_token=" + *page.NextPageToken
		}
	}
	require.Equal(t, []int{1, 2, 3, 4}, numbers)
}
