package delivery

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A project that `pulumi new` makes from this one has the workflows too. The CLI copies every file but .git, modes included, and replaces two
// names in braces in each: so no file has them by chance, scripts can be run, and nothing here knows the project by the name that it has now.
func TestTheTemplateCarriesTheWorkflows(t *testing.T) {
	t.Parallel()
	files := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" || name == ".cache" || name == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, word := range []string{"PROJECT", "DESCRIPTION"} {
			require.NotContains(t, string(text), "${"+word+"}", name)
		}
		if strings.HasPrefix(name, ".github/") || strings.HasPrefix(name, "scripts/") {
			require.NotContains(t, string(text), "scalable-backend", name)
		}
		if strings.HasSuffix(name, ".sh") && strings.HasPrefix(name, "scripts/") {
			require.Equal(t, fs.FileMode(0o111), info.Mode()&0o111, "%s: workflows run it", name)
		}
		return nil
	}))
	require.Greater(t, files, 500)
}
