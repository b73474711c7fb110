package opstest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
)

// Scripts puts programs into a directory and that at the beginning of PATH: names and shell scripts in turn. The bench runs real programs
// from then on. It returns the directory, which the scripts know as $BIN.
func (b *Bench) Scripts(t *testing.T, scripts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(scripts); i += 2 {
		text := "#!/bin/sh\nBIN='" + dir + "'\n" + scripts[i+1] + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, scripts[i]), []byte(text), 0o755))
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+"/bin"+string(os.PathListSeparator)+"/usr/bin")
	system := command.System()
	b.Program, b.Attached = system.Program, system.Attached
	return dir
}
