package runner

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

// put writes a file below a directory with an age.
func put(t *testing.T, dir, name string, age time.Duration) {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	then := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(file, then, then))
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// delivering runs an agent until it has published a file at each destination, and stops it.
func delivering(t *testing.T, dir string, destinations ...string) *Runner {
	t.Helper()
	s := fakeapi.New(t)
	for _, dest := range destinations {
		s.AddJob(s.AddFile("x", body(10), part), dest)
	}
	b := start(t, s, func(o *Options) { o.Dir = dir })
	b.states(map[api.JobState]int{api.JobStateSucceeded: len(destinations)})
	require.NoError(t, b.shutdown())
	// A stopped runner has closed its root.
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	b.runner.root = root
	return b.runner
}

// The output directory is shared with people: their files, links and empty directories are older than the retention, and stay.
func TestRetentionRemovesOnlyWhatAgentsPublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "photos/a.jpg", 72*time.Hour)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	require.NoError(t, os.Symlink("photos/a.jpg", filepath.Join(dir, "link")))
	put(t, dir, download.PartialDir+"/notes.txt", 72*time.Hour)
	unfinished := download.PartialDir + "/" + uuid.NewString() + "-0123456789abcdef"
	put(t, dir, unfinished, 72*time.Hour)
	put(t, dir, unfinished+".lease.journal", 72*time.Hour)
	put(t, dir, download.PartialDir+"/"+uuid.NewString()+"-0123456789abcdef", 2*time.Hour)

	r := delivering(t, dir, "photos/b.jpg", "made/sub/c", "changed", "replaced", "touched")
	put(t, dir, "changed", 72*time.Hour)
	put(t, dir, "new", 72*time.Hour)
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "replaced")))
	now := time.Now()
	require.NoError(t, os.Chtimes(filepath.Join(dir, "touched"), now, now.Add(-time.Minute)))
	r.o.Retain = time.Hour

	r.sweep(now.Add(30 * time.Minute))
	require.True(t, exists(dir, "photos/b.jpg"), "it is not old enough")
	for range 2 { // a directory goes after what was in it
		r.sweep(now.Add(2 * time.Hour))
	}
	for _, name := range []string{"photos/b.jpg", "made", unfinished, unfinished + ".lease.journal"} {
		require.False(t, exists(dir, name), name)
	}
	for _, name := range []string{"photos/a.jpg", "empty", "link", "changed", "replaced", "touched", download.PartialDir + "/notes.txt"} {
		require.True(t, exists(dir, name), name)
	}
	left, err := os.ReadDir(filepath.Join(dir, recordDir))
	require.NoError(t, err)
	require.Empty(t, left, "no record stays of what is gone, or belongs to somebody else now")
}

// A file that is delivered again is as old as its last delivery. One that somebody else put there stays theirs.
func TestDeliveringAgainRenews(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "theirs"), body(10), 0o600))
	delivering(t, dir, "ours", "theirs")
	then := time.Now().Add(-3 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, recordName("ours")), then, then))
	r := delivering(t, dir, "ours", "theirs")
	r.o.Retain = time.Hour
	r.sweep(time.Now().Add(time.Minute))
	require.True(t, exists(dir, "ours"), "it was delivered again just now")
	r.sweep(time.Now().Add(2 * time.Hour))
	require.False(t, exists(dir, "ours"))
	require.True(t, exists(dir, "theirs"))
}

// Disk pressure takes published files, the oldest first, and no more than are needed.
func TestDiskPressureTakesThePublishedFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "foreign", 72*time.Hour)
	r := delivering(t, dir, "old", "new")
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": time.Hour} {
		then := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(filepath.Join(dir, recordName(name)), then, then))
	}
	free := int64(100)
	r.freeSpace = func() (int64, error) {
		n := free
		for _, name := range []string{"old", "new"} {
			if !exists(dir, name) {
				n += 10
			}
		}
		return n, nil
	}
	require.False(t, r.free(121), "all of them are not enough: none is removed")
	require.True(t, exists(dir, "old"))
	require.True(t, r.free(110))
	require.False(t, exists(dir, "old"))
	require.True(t, exists(dir, "new"))
	require.True(t, r.free(120))
	require.True(t, exists(dir, "foreign"))
}

func TestForeignFilesAreReportedAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "photos/a.jpg", time.Hour)
	put(t, dir, download.PartialDir+"/x", time.Hour)
	r := delivering(t, dir, "ours")
	log := &syncBuffer{}
	r.o.Log = jsonLog(log)
	r.reportForeign(t.Context())
	require.Contains(t, log.b.String(), `"files":1`)
	require.Contains(t, log.b.String(), `"example":"photos/a.jpg"`)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "photos")))
	log.b.Reset()
	r.reportForeign(t.Context())
	require.Empty(t, log.b.String())
}

// A record that is damaged costs the file its end, and nothing else.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := delivering(t, dir, "one", "two")
	require.NoError(t, os.WriteFile(filepath.Join(dir, recordName("one")), []byte(`{"pa`), 0o600))
	r.o.Retain = time.Hour
	r.sweep(time.Now().Add(2 * time.Hour))
	require.True(t, exists(dir, "one"))
	require.False(t, exists(dir, "two"))
}

// What an agent leaves that is killed while it writes a record goes after an hour; a record that is being written stays.
func TestUnfinishedRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := delivering(t, dir, "ours")
	old, fresh := recordName("ours")+".killed", recordName("ours")+".writing"
	for _, name := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	}
	then := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, old), then, then))
	require.Len(t, r.records(), 1)
	require.False(t, exists(dir, old))
	require.True(t, exists(dir, fresh))
}
