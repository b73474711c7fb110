//go:build images

package imagetest

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/build"
)

// services and architectures are what there are images of.
var (
	services      = []string{"backend", "agent"}
	architectures = []string{"amd64", "arm64"}
)

// contents is every file and directory of an image: type, mode, owner. Whatever else is in it, a shell or a file that runs as
// another user, is one too many.
var contents = map[string]string{
	"backend": `
-0555 0:0 backend
d0755 0:0 etc/
d0755 0:0 etc/ssl/
d0755 0:0 etc/ssl/certs/
-0444 0:0 etc/ssl/certs/ca-certificates.crt
d0755 0:0 etc/ssl/rds/
-0444 0:0 etc/ssl/rds/global-bundle.pem
`,
	"agent": `
-0555 0:0 agent
d0750 65532:65532 data/
d0755 0:0 etc/
-0444 0:0 etc/group
-0444 0:0 etc/passwd
d0755 0:0 etc/ssl/
d0755 0:0 etc/ssl/certs/
-0444 0:0 etc/ssl/certs/ca-certificates.crt
d1777 65532:65532 tmp/
`,
}

// budget is how many bytes of an image a registry may have to store, and an instance or a task to pull before it starts.
const budget = 16 << 20

// built returns an image from the warm builder.
func built(t *testing.T, service, architecture string) *image {
	t.Helper()
	i, err := images(service + "/" + architecture)
	require.NoError(t, err)
	return i
}

var images = func() func(string) (*image, error) {
	var mu sync.Mutex
	made := map[string]*image{}
	return func(name string) (*image, error) {
		mu.Lock()
		defer mu.Unlock()
		if made[name] != nil {
			return made[name], nil
		}
		service, architecture, _ := strings.Cut(name, "/")
		layout := filepath.Join(shared.dir, service+"-"+architecture)
		i, err := buildAs(shared.builder, requestFor(filepath.Join(shared.root, "services"), service, architecture), layout)
		made[name] = i
		return i, err
	}
}()

// TestFiles looks at every file of every image.
func TestFiles(t *testing.T) {
	for _, service := range services {
		for _, architecture := range architectures {
			t.Run(service+"/"+architecture, func(t *testing.T) {
				i := built(t, service, architecture)
				var found strings.Builder
				var program []byte
				require.NoError(t, i.walk(func(header *tar.Header, content io.Reader) error {
					kind := map[byte]string{tar.TypeDir: "d", tar.TypeReg: "-"}[header.Typeflag]
					fmt.Fprintf(&found, "\n%s%04o %d:%d %s", kind, header.Mode, header.Uid, header.Gid, header.Name)
					require.Zero(t, header.ModTime.Unix(), "the time of %s", header.Name)
					require.Empty(t, header.PAXRecords, header.Name)
					if header.Name == service {
						var err error
						program, err = io.ReadAll(content)
						return err
					}
					return nil
				}))
				require.Equal(t, contents[service], found.String()+"\n")
				require.LessOrEqual(t, i.size, int64(budget))
				requireStatic(t, program, architecture)
				t.Logf("%s, %.1f MiB compressed, program %.1f MiB", i.digest, float64(i.size)/(1<<20), float64(len(program))/(1<<20))
			})
		}
	}
}

// requireStatic wants a program of the architecture that needs nothing but the kernel, without symbols.
func requireStatic(t *testing.T, program []byte, architecture string) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	require.NoError(t, err)
	require.Equal(t, map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture], file.Machine)
	for _, part := range file.Progs {
		require.NotContains(t, []elf.ProgType{elf.PT_INTERP, elf.PT_DYNAMIC}, part.Type, "it is linked dynamically")
	}
	_, err = file.Symbols()
	require.ErrorIs(t, err, elf.ErrNoSymbols)
}

// TestConfiguration looks at what an image says of itself.
func TestConfiguration(t *testing.T) {
	for _, service := range services {
		for _, architecture := range architectures {
			t.Run(service+"/"+architecture, func(t *testing.T) {
				c := built(t, service, architecture).config
				require.Equal(t, []string{"linux", architecture}, []string{c.OS, c.Architecture})
				require.Zero(t, c.Created.Unix())
				require.Equal(t, "65532:65532", c.Config.User)
				require.Equal(t, []string{"/" + service}, c.Config.Entrypoint)
				require.Equal(t, "SIGTERM", c.Config.StopSignal)
				want := map[string]string{
					"org.opencontainers.image.title":    "Scalable Backend: " + service,
					"org.opencontainers.image.version":  build.Release,
					"org.opencontainers.image.licenses": "MIT",
				}
				for key, value := range labels {
					want[key] = value
				}
				require.NotEmpty(t, c.Config.Labels["org.opencontainers.image.description"])
				delete(c.Config.Labels, "org.opencontainers.image.description")
				require.Equal(t, want, c.Config.Labels)
				if service == "backend" {
					require.Equal(t, map[string]struct{}{"8080/tcp": {}, "8081/tcp": {}}, c.Config.ExposedPorts)
					require.Empty(t, c.Config.Volumes)
					return
				}
				require.Equal(t, map[string]struct{}{"/data": {}, "/tmp": {}}, c.Config.Volumes)
				require.Equal(t, []string{"run"}, c.Config.Cmd)
				require.Equal(t, "/data", c.Config.WorkingDir)
				require.Contains(t, c.Config.Env, "HOME=/data")
			})
		}
	}
}
