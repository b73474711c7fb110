package promote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// pinFile sets images.<service> of a stack's file and returns those that were not so already. Everything else in the file stays as it is,
// byte by byte. With dry, nothing is written.
func pinFile(file, project string, pins map[string]string, dry bool) (changed map[string]string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	changed = map[string]string{}
	for _, service := range slices.Backward(slices.Sorted(maps.Keys(pins))) { // backend first
		edited, err := setImage(text, project, service, pins[service])
		if err != nil {
			return nil, fmt.Errorf("%s: images.%s: %w; write it by hand: %s", file, service, err, pins[service])
		}
		if !bytes.Equal(edited, text) {
			changed[service] = pins[service]
		}
		text = edited
	}
	if dry || len(changed) == 0 {
		return changed, nil
	}
	return changed, replace(file, text)
}

// setImage returns the text of a stack's file with one image set, and checks that nothing else has changed.
func setImage(text []byte, project, service, image string) ([]byte, error) {
	before, err := parse(text)
	if err != nil {
		return nil, err
	}
	edited, err := edit(text, before, project, service, image)
	if err != nil {
		return nil, err
	}
	after, err := parse(edited)
	if err != nil {
		return nil, errors.New("the file has a form that this does not edit")
	}
	want, got := plain(before), plain(after)
	put(want, project, service, image)
	if !equal(want, got) {
		return nil, errors.New("the file has a form that this does not edit")
	}
	return edited, nil
}

// parse reads the one document of a file.
func parse(text []byte) (*yaml.Node, error) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file has more than one YAML document")
	}
	if len(document.Content) == 0 {
		return nil, errors.New("the file is empty")
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("want a YAML mapping")
	}
	return document.Content[0], nil
}

// replace writes a file at once: whoever is interrupted has the old one or the new one. A link stays a link.
func replace(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		os.Remove(temporary.Name()) //nolint:errcheck // what failed says more
	}
	return err
}
