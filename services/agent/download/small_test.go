package download

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The directories that were right for one small file are not looked at again for the next. What happened to them meanwhile is noticed
// when the file is published.
func TestDirectoriesChangeBetweenSmallFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(b *bundle) error
		noted  []string
		want   error
	}{
		"removed": {func(b *bundle) error { return b.root.RemoveAll("a") }, []string{"a/b.bin", "a"}, nil},
		"removed with the directory of partial files": {
			func(b *bundle) error { return os.RemoveAll(filepath.Join(b.dir, PartialDir)) }, []string{"a/b.bin"}, nil,
		},
		"replaced by a link to elsewhere": {
			func(b *bundle) error {
				require.NoError(b.t, b.root.RemoveAll("a"))
				return os.Symlink(b.t.TempDir(), filepath.Join(b.dir, "a"))
			}, []string{}, ErrUnsafe,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 100))
			_, err := b.fetch()
			require.NoError(t, err)
			require.NoError(t, b.root.Remove(b.task.Dest))
			require.NoError(t, c.change(b))
			noted := []string{}
			b.task.Note = func(name string, _ fs.FileInfo) error {
				noted = append(noted, name)
				return nil
			}
			_, err = b.fetch()
			require.Equal(t, c.noted, noted)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			b.published()
		})
	}
}

// A small file is stopped like every other one: not begun any more, or given time to end.
func TestStopOfASmallFile(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]bool{"before it began": false, "while its bytes come": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 100, &faulty{times: -1, serve: stallAfter(10)}), func(o *Options) { o.StallTimeout = time.Minute })
			stop := make(chan struct{})
			b.task.Stop = stop
			if !begun {
				close(stop)
			}
			ended := make(chan error, 1)
			go func() { _, err := b.fetch(); ended <- err }()
			if begun {
				require.Eventually(t, func() bool { return b.origin.requests.Load() == 1 }, 10*time.Second, time.Millisecond)
				close(stop)
			}
			require.ErrorIs(t, <-ended, ErrStopped)
			require.EqualValues(t, map[bool]int64{true: 1}[begun], b.origin.requests.Load())
			require.Zero(t, b.task.Done.Load())
			b.notPublished()
		})
	}
}

// A lease that is lost ends the fetch of a small file at once.
func TestSmallFileIsCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100, &faulty{times: -1, serve: stallAfter(10)}), func(o *Options) { o.StallTimeout = time.Minute })
	b.task.Stop = make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := b.engine.Fetch(ctx, b.task); ended <- err }()
	require.Eventually(t, func() bool { return b.origin.requests.Load() == 1 }, 10*time.Second, time.Millisecond)
	cancel(os.ErrDeadlineExceeded)
	require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)
	require.Zero(t, b.task.Done.Load())
	b.notPublished()
}
