package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// transfer brings one file into the bucket.
type transfer struct {
	u         *Uploader
	f         *os.File
	described api.NewFile
	file      api.File // the catalogue's entry
	upload    string   // the id of the upload in use
	existing  bool     // another upload made the file ready
	sent      *atomic.Int64
	put       atomic.Int64
	resumed   atomic.Int64
}

// run uploads the file and returns its entry, ready. An upload may end at any time in other ways than by this program: another one
// completes the file, the bucket's rule aborts what is old, somebody deletes the file. So when the backend or the bucket says that
// the upload is not there any more, run looks at what is there: it is content with a file that is ready, finishes an upload whose
// object was assembled, and begins anew otherwise.
func (t *transfer) run(ctx context.Context) (api.File, error) {
	for try := 1; ; try++ {
		err := t.begin(ctx)
		var file api.File
		if err == nil {
			file, err = t.finish(ctx)
		}
		if err == nil || !ended(err) || try == maxUploads {
			return file, err
		}
		if file, err = t.look(ctx, err); err != nil || file.State == api.FileStateReady {
			return file, err
		}
	}
}

// ended reports whether an error says that the upload, or its file, is not there any more or not in the state to go on.
func ended(err error) bool {
	status := client.StatusOf(err)
	return errors.Is(err, errEnded) || status == http.StatusNotFound || status == http.StatusConflict
}

// look returns the file as the catalogue has it now, after an upload of it has ended for a reason. The next upload is a new one.
func (t *transfer) look(ctx context.Context, reason error) (api.File, error) {
	t.u.Cache.forget(t.file.Id)
	file, err := t.u.API.GetFile(ctx, t.file.Id)
	if client.StatusOf(err) == http.StatusNotFound { // somebody deleted the entry
		file, err = t.u.register(ctx, t.described)
	}
	if err != nil {
		return api.File{}, fmt.Errorf("looking at the file after its upload had ended (%w): %w", reason, err)
	}
	t.file = file
	if file.State == api.FileStateReady {
		t.existing = true
		t.sent.Store(file.Size)
	}
	return file, nil
}

// begin chooses the upload to go on with: the one of an earlier run of this program, or a new one.
func (t *transfer) begin(ctx context.Context) error {
	if id := t.u.Cache.recall(t.file.Id); id != "" {
		t.upload = id
		return nil
	}
	up, err := t.u.API.CreateUpload(ctx, t.file.Id)
	if err != nil {
		return fmt.Errorf("beginning the upload: %w", err)
	}
	t.upload = up.Id
	t.u.Cache.remember(t.file.Id, up.Id)
	return nil
}

// finish sends the parts that are missing and completes the upload.
func (t *transfer) finish(ctx context.Context) (api.File, error) {
	for try := 1; ; try++ {
		var missing error
		if t.file.Size > 0 {
			missing = t.parts(ctx)
		}
		if missing != nil && !ended(missing) {
			return api.File{}, missing
		}
		if err := sizeChanged(t.f, t.file.Size); err != nil {
			return api.File{}, err
		}
		// An upload whose parts are not there may have been completed by a run that was interrupted before the answer came.
		file, err := t.u.API.CompleteUpload(ctx, t.file.Id, t.upload)
		if err == nil {
			return file, nil
		}
		err = fmt.Errorf("completing the upload: %w", err)
		// The backend may find a part missing that was listed before: then the parts are gone through again.
		if missing != nil || client.StatusOf(err) != http.StatusConflict || try == maxCompletions {
			return api.File{}, err
		}
	}
}
