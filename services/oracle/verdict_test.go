package oracle

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	oneFile  = "0198b2f4-0000-7000-8000-000000000001"
	oneLease = "0198b2f4-0000-7000-8000-000000000002"
)

// wholeRun is a run without fault: one job, which succeeded on the agent "a" after its lease on "b" had expired.
func wholeRun(t *testing.T) (*system, map[string]*history) {
	t.Helper()
	s := &system{t: t, dir: t.TempDir()}
	for i := range s.slots {
		s.slots[i] = &agentSlot{}
	}
	s.slots[0].names = []string{"a", "b", "c"}
	s.jobs = []job{{id: "1", dest: "x/job", file: file{id: oneFile, sha256: sha256.Sum256([]byte("bytes"))}}}
	put(t, s, "a", "x/job", "bytes")
	return s, map[string]*history{"1": {
		state: "succeeded", dest: "x/job", succeeded: []string{"a"}, leases: map[string]string{oneLease: "expired"},
		ends: map[string][]string{"a": {"succeeded"}, "b": {"expired"}, "c": {"released"}},
	}}
}

func put(t *testing.T, s *system, name, path, text string) {
	t.Helper()
	path = filepath.Join(s.dir, name, "files", filepath.FromSlash(path))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// Each thing that must never be is found, and what may be is not.
func TestVerdict(t *testing.T) {
	t.Parallel()
	partial := ".partial/" + oneFile + "-0123456789abcdef"
	for name, c := range map[string]struct {
		change func(*system, map[string]*history)
		guilty bool
	}{
		"nothing":                 {func(*system, map[string]*history) {}, false},
		"excused copy":            {func(s *system, _ map[string]*history) { put(t, s, "b", "x/job", "bytes") }, false},
		"partial of a lost lease": {func(s *system, _ map[string]*history) { put(t, s, "b", partial+"."+oneLease+".journal", "") }, false},
		"cancelled on request": {func(s *system, h map[string]*history) {
			s.jobs[0].cancelled, h["1"].state, h["1"].succeeded, h["1"].ends["a"] = true, "cancelled", nil, []string{"cancelled"}
		}, false},
		"cancelled by nobody":               {func(_ *system, h map[string]*history) { h["1"].state, h["1"].succeeded = "cancelled", nil }, true},
		"lost job":                          {func(_ *system, h map[string]*history) { delete(h, "1") }, true},
		"job of nobody":                     {func(_ *system, h map[string]*history) { h["2"] = &history{state: "succeeded"} }, true},
		"dead job":                          {func(_ *system, h map[string]*history) { h["1"].state = "dead" }, true},
		"two successes":                     {func(_ *system, h map[string]*history) { h["1"].succeeded = []string{"a", "b"} }, true},
		"no success":                        {func(_ *system, h map[string]*history) { h["1"].succeeded = nil }, true},
		"success elsewhere":                 {func(_ *system, h map[string]*history) { h["1"].succeeded = []string{"b"} }, true},
		"copy without excuse":               {func(s *system, _ map[string]*history) { put(t, s, "c", "x/job", "bytes") }, true},
		"wrong bytes":                       {func(s *system, _ map[string]*history) { put(t, s, "a", "x/job", "other") }, true},
		"wrong bytes, copied":               {func(s *system, _ map[string]*history) { put(t, s, "b", "x/job", "other") }, true},
		"unexpected file":                   {func(s *system, _ map[string]*history) { put(t, s, "a", "x/stray", "") }, true},
		"partial of the one that succeeded": {func(s *system, _ map[string]*history) { put(t, s, "a", partial, "") }, true},
		"journal of a success": {func(s *system, h map[string]*history) {
			h["1"].leases[oneLease] = "succeeded"
			put(t, s, "b", partial+"."+oneLease+".journal", "")
		}, true},
		"record of a published file": {func(s *system, _ map[string]*history) {
			put(t, s, "a", ".partial/published/0123456789abcdef", `{"path":"x/job"}`)
			put(t, s, "a", ".partial/published/fedcba9876543210", `{"path":"x","dir":true}`)
		}, false},
		"record of another file": {func(s *system, _ map[string]*history) {
			put(t, s, "a", ".partial/published/0123456789abcdef", `{"path":"y"}`)
		}, true},
		"record of a killed agent": {func(s *system, _ map[string]*history) {
			put(t, s, "a", ".partial/published/0123456789abcdef0123456789abcdef."+oneLease, `{"pa`)
		}, false},
		"record that was never finished": {func(s *system, _ map[string]*history) {
			put(t, s, "a", ".partial/published/0123456789abcdef", `{"path":`)
		}, true},
		"strange partial": {func(s *system, _ map[string]*history) { put(t, s, "b", ".partial/x", "") }, true},
		"race": {func(s *system, _ map[string]*history) {
			require.NoError(t, os.WriteFile(s.log("a"), []byte("WARNING: DATA RACE\n"), 0o600))
		}, true},
	} {
		s, all := wholeRun(t)
		c.change(s, all)
		v := s.verdict(all)
		require.Equal(t, c.guilty, len(v.findings) > 0, "%s: %v", name, v.findings)
	}
}
