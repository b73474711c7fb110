package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSection(t *testing.T) {
	t.Parallel()
	const changelog = "# Changelog\n\n## Unreleased\n\n- new\n\n## 1.2.3 - 2026-11-27\n\n### Added\n\n- a\n\n" +
		"## 1.2.30 - 2026-01-01\n\n- b\n\n## 1.1.0\n\n- c\n\n## 1.0.0 - 2025-01-01\n"
	notes, err := section(changelog, "1.2.3")
	require.NoError(t, err)
	require.Equal(t, "### Added\n\n- a\n", notes)
	for version, want := range map[string]string{
		"1.2":   "there is no section",
		"2.0.0": "there is no section \"## 2.0.0 - YYYY-MM-DD\"",
		"1.1.0": "want the heading \"## 1.1.0 - YYYY-MM-DD\"",
		"1.0.0": "the section of 1.0.0 is empty",
	} {
		_, err := section(changelog, version)
		require.ErrorContains(t, err, want, version)
	}
}

// repository makes a repository of a client of one file, and a stand-in for cyclonedx-gomod.
func repository(t *testing.T) release {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"CHANGELOG.md":    "## 1.2.3 - 2026-11-27\n\n- a\n",
		"LICENSE":         "MIT\n",
		"services/go.mod": "module scalable-backend/services\n\ngo 1.26\n",
		"services/internal/build/build.go": "package build\n\n// Release is\nconst Release = \"1.2.3\"\n\nvar sources string\n\n" +
			"func Version() string { return Release + \"+\" + sources }\n",
		"services/cmd/agent/main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"scalable-backend/services/internal/build\"\n)\n\n" +
			"func main() {\n\tif len(os.Args) > 2 {\n\t\t_ = os.MkdirAll(os.Args[2], 0o700)\n" +
			"\t\t_ = os.WriteFile(os.Args[2]+\"/agent.1\", []byte(\"page\"), 0o600)\n\t}\n" +
			"\t_, _ = os.Stdout.WriteString(build.Version())\n}\n",
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	sbom, err := filepath.Abs("testdata/cyclonedx-gomod")
	require.NoError(t, err)
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first", "--date", "2026-11-27T00:00:00Z"},
	} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = root
		command.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-11-27T00:00:00Z")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return release{root: root, out: filepath.Join(t.TempDir(), "dist"), sbom: sbom, tag: "v1.2.3"}
}

// Two runs give the same bytes, each archive has the program, the licence and the manual, and the checksums are those of the files.
func TestRelease(t *testing.T) {
	t.Parallel()
	r := repository(t)
	systems := []target{{runtime.GOOS, runtime.GOARCH}, {"windows", "amd64"}}
	require.NoError(t, r.run(t.Context(), systems))
	first, err := os.ReadFile(filepath.Join(r.out, "checksums.txt"))
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(string(first), "\n"))
	require.NotContains(t, string(first), "notes.md")
	require.NoError(t, os.WriteFile(filepath.Join(r.out, "agent_1.2.2_linux_amd64.tar.gz"), nil, 0o600))
	require.NoError(t, r.run(t.Context(), systems), "an older release is removed")
	second, err := os.ReadFile(filepath.Join(r.out, "checksums.txt"))
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))

	host := "agent_1.2.3_" + runtime.GOOS + "_" + runtime.GOARCH
	got := untar(t, filepath.Join(r.out, host+".tar.gz"))
	require.Equal(t, "MIT\n", got["LICENSE"])
	require.Equal(t, "page", got["man1/agent.1"])
	unpacked := t.TempDir()
	require.NoError(t, exec.CommandContext(t.Context(), "tar", "-C", unpacked, "-xzf", filepath.Join(r.out, host+".tar.gz")).Run())
	said, err := exec.CommandContext(t.Context(), filepath.Join(unpacked, "agent")).Output()
	require.NoError(t, err)
	require.Regexp(t, `^1\.2\.3\+[0-9a-f]{12}$`, string(said))

	modules, err := os.ReadFile(filepath.Join(r.out, "agent_1.2.3_windows_amd64.cdx.json"))
	require.NoError(t, err)
	require.Equal(t, "windows/amd64\n", string(modules))
	archive, err := zip.OpenReader(filepath.Join(r.out, "agent_1.2.3_windows_amd64.zip"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = archive.Close() })
	require.Len(t, archive.File, 2)
	require.Equal(t, "agent.exe", archive.File[0].Name)
	require.True(t, archive.File[0].Modified.Equal(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)))
}

func untar(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	compressed, err := gzip.NewReader(f)
	require.NoError(t, err)
	files := map[string]string{}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = string(content)
	}
}

func TestReleaseRefuses(t *testing.T) {
	t.Parallel()
	r := repository(t)
	r.tag = "v1.3.0"
	require.ErrorContains(t, r.run(t.Context(), targets), "services/internal/build/build.go says 1.2.3, which is tag v1.2.3, got v1.3.0")
	require.NoDirExists(t, r.out)
	r.tag = ""
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "CHANGELOG.md"), []byte("## Unreleased\n\n- a\n"), 0o600))
	require.ErrorContains(t, r.run(t.Context(), targets), "CHANGELOG.md: there is no section")
}
