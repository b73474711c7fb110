//go:build images

package imagetest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// image is a built image, read from its OCI layout (OCI Image Format Specification).
type image struct {
	layout string
	digest string // of the manifest: what is deployed
	size   int64  // of the layers as they are pushed
	config config
	layers []string // the blobs
}

type config struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Created      time.Time `json:"created"`
	Config       struct {
		User         string
		Env          []string
		Entrypoint   []string
		Cmd          []string
		WorkingDir   string
		StopSignal   string
		Volumes      map[string]struct{}
		ExposedPorts map[string]struct{}
		Labels       map[string]string
	} `json:"config"`
}

func readImage(layout string) (*image, error) {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s: want one manifest, got %d", layout, len(index.Manifests))
	}
	i := &image{layout: layout, digest: index.Manifests[0].Digest}
	var manifest struct {
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	if err := readJSON(i.blob(i.digest), &manifest); err != nil {
		return nil, err
	}
	for _, layer := range manifest.Layers {
		i.layers, i.size = append(i.layers, i.blob(layer.Digest)), i.size+layer.Size
	}
	return i, readJSON(i.blob(manifest.Config.Digest), &i.config)
}

func (i *image) blob(digest string) string {
	return filepath.Join(i.layout, "blobs", filepath.FromSlash(strings.Replace(digest, ":", "/", 1)))
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// walk visits every entry of every layer in order.
func (i *image) walk(visit func(*tar.Header, io.Reader) error) error {
	for _, layer := range i.layers {
		if err := walkLayer(layer, visit); err != nil {
			return fmt.Errorf("reading layer %s: %w", layer, err)
		}
	}
	return nil
}

func walkLayer(path string, visit func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	archive := tar.NewReader(z)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(header, archive); err != nil {
			return err
		}
	}
}

// unpack lays the image's files out, with their modes and owners. It knows what these images have: directories and files.
func (i *image) unpack(root string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	return i.walk(func(header *tar.Header, content io.Reader) error {
		path := filepath.Join(root, filepath.FromSlash(header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
		case tar.TypeReg:
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			if _, err := io.Copy(f, content); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s: want a directory or a file, got type %q", header.Name, header.Typeflag)
		}
		if err := os.Chown(path, header.Uid, header.Gid); err != nil {
			return err
		}
		return os.Chmod(path, header.FileInfo().Mode())
	})
}
