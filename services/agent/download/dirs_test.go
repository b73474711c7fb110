package download

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever cleans up later learns of what a fetch made, and of nothing that was there before.
func TestNoteNamesWhatAFetchMade(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	require.NoError(t, b.root.Mkdir("there", 0o755))
	var noted []string
	b.task.Dest = "there/made/also/f"
	b.task.Note = func(name string, info fs.FileInfo) error {
		noted = append(noted, name)
		if !info.IsDir() {
			_, err := b.root.Lstat(name)
			require.ErrorIs(t, err, os.ErrNotExist, "a file is noted before it is published")
		}
		return nil
	}
	_, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Equal(t, []string{"there/made", "there/made/also", "there/made/also/f"}, noted)
	noted = nil
	r, err := b.fetch()
	require.NoError(t, err)
	require.True(t, r.Reused)
	require.Empty(t, noted)
}

func TestWhatCannotBeNotedIsNotPublished(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	full := errors.New("full")
	b.task.Note = func(_ string, info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		return full
	}
	_, err := b.fetch()
	require.ErrorIs(t, err, full)
	b.notPublished()
}

// A file that was there before is not touched: its times say when somebody else changed it.
func TestReuseChangesNoTimes(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	require.NoError(t, b.root.Mkdir("a", 0o755))
	require.NoError(t, b.root.WriteFile(b.task.Dest, b.origin.body, 0o600))
	before, err := b.root.Stat(b.task.Dest)
	require.NoError(t, err)
	r, err := b.fetch()
	require.NoError(t, err)
	require.True(t, r.Reused)
	after, err := b.root.Stat(b.task.Dest)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
}

func TestDestinationsThatCannotTakeAFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *bundle) error
		want    error
		text    string
	}{
		"a directory": {
			func(b *bundle) error { return b.root.MkdirAll(b.task.Dest, 0o755) }, ErrDirectory, "a directory is at the destination",
		},
		"below a file": {
			func(b *bundle) error { return b.root.WriteFile("a", nil, 0o600) }, nil, "not a directory",
		},
		"below a link to elsewhere": {
			func(b *bundle) error { return os.Symlink(t.TempDir(), filepath.Join(b.dir, "a")) }, ErrUnsafe, "a is a symbolic link that leads out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 100))
			require.NoError(t, c.prepare(b))
			_, err := b.fetch()
			require.Error(t, err)
			require.ErrorContains(t, err, c.text)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			require.Empty(t, b.leftovers())
			require.Empty(t, b.origin.seen(), "nothing is fetched")
		})
	}
}

// While a file is fetched, somebody else puts a file at its destination. With the same bytes that is what was asked for; another
// file is kept.
func TestFileAppearsDuringAFetch(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"the same": true, "another": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 8*testPiece))
			b.task.Keep = true
			put := append([]byte(nil), b.origin.body...)
			if !right {
				put[0]++
			}
			b.on(badDisk{sync: func() error { return b.root.WriteFile(b.task.Dest, put, 0o600) }})
			r, err := b.fetch()
			got, readErr := b.root.ReadFile(b.task.Dest)
			require.NoError(t, readErr)
			require.Equal(t, put, got)
			if right {
				require.NoError(t, err)
				require.True(t, r.Reused)
				require.Empty(t, b.leftovers())
			} else {
				require.ErrorIs(t, err, ErrExists)
			}
		})
	}
}

// Another fetch that ends removes the directory of partial files while this one is about to write there.
func TestPartialDirIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	require.NoError(t, b.root.Mkdir(PartialDir, 0o755))
	removed := 0
	err := inPartialDir(b.root, func() error {
		if removed < 3 {
			removed++
			require.NoError(t, b.root.Remove(PartialDir))
		}
		return b.root.WriteFile(PartialDir+"/x", nil, 0o600)
	})
	require.NoError(t, err)
	require.Equal(t, 3, removed)
}
