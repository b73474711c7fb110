package local

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenTakesRegularFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	for name, kind := range map[string]string{fifo: "a FIFO", "/dev/zero": "a device", dir: "a directory"} {
		_, err := Open(name)
		require.ErrorIs(t, err, ErrNotRegular)
		require.ErrorContains(t, err, kind)
	}
	f, err := Open(file)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestFilesFollowsTheRootAndSaysWhatItSkips(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "sub/.partial"), 0o755))
	for _, name := range []string{"a", "sub/b", "sub/.partial/c"} {
		require.NoError(t, os.WriteFile(filepath.Join(tree, name), nil, 0o600))
	}
	require.NoError(t, os.Symlink("a", filepath.Join(tree, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(tree, "fifo"), 0o600))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(tree, link))

	found, err := Files(link, ".partial")
	require.NoError(t, err)
	require.Equal(t, Found{
		Dir:   true,
		Files: []string{filepath.Join(link, "a"), filepath.Join(link, "sub/b")},
		Skipped: []Skipped{
			{filepath.Join(link, "fifo"), "a FIFO"}, {filepath.Join(link, "link"), "a symbolic link"},
			{filepath.Join(link, "sub/.partial"), "unfinished downloads"},
		},
	}, found)

	_, err = Files(filepath.Join(tree, "fifo"), "")
	require.ErrorIs(t, err, ErrNotRegular)
	_, err = Files(filepath.Join(dir, "nothing"), "")
	require.ErrorIs(t, err, os.ErrNotExist)
}
