package promote

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

var errForm = errors.New("the file has a form that this does not edit")

// edit puts one image into the text of a file. It knows where things stand from the parsed tree, and changes lines.
func edit(text []byte, root *yaml.Node, project, service, image string) ([]byte, error) {
	config, configKey := entry(root, "config")
	images, imagesKey, err := imagesOf(config, project)
	if err != nil {
		return nil, err
	}
	e := &editor{lines: bytes.SplitAfter(text, []byte("\n")), ending: ending(text)}
	block := fmt.Sprintf("%s: %s", service, image)
	flow := fmt.Sprintf("%s: %q", service, image)
	switch value, _ := entry(images, service); {
	case value != nil && value.Value == image && value.Kind == yaml.ScalarNode:
		return text, nil
	case value != nil && nothing(value) && value.Value == "":
		return nil, errors.New("it has no value: remove the key, or give it one")
	case value != nil:
		err = e.replace(value, image)
	case images != nil && images.Kind == yaml.MappingNode:
		err = e.add(imagesKey, images, block, flow)
	case images != nil && nothing(images) && images.Value == "" && config.Style&yaml.FlowStyle == 0:
		_, column := e.at(imagesKey)
		e.insert(imagesKey.Line, string(e.lines[imagesKey.Line-1][:column])+"  "+block)
	case images != nil:
		return nil, fmt.Errorf("want a mapping, got %q: remove it, or set it with pulumi config set --path", images.Value)
	case config != nil && config.Kind == yaml.MappingNode:
		err = e.addSection(configKey, config, root, block, "images: {"+flow+"}")
	case config == nil:
		e.append("config:", "  images:", "    "+block)
	default:
		return nil, errForm
	}
	return bytes.Join(e.lines, nil), err
}

// imagesOf finds the object of the images, which may be written with the project's name and without.
func imagesOf(config *yaml.Node, project string) (images, key *yaml.Node, err error) {
	images, key = entry(config, "images")
	long, longKey := entry(config, project+":images")
	if images != nil && long != nil {
		return nil, nil, fmt.Errorf("it is in the file twice, as images and %s:images", project)
	}
	if long != nil {
		images, key = long, longKey
	}
	if images != nil && (images.Kind == yaml.AliasNode || images.Anchor != "") {
		return nil, nil, errForm
	}
	return images, key, nil
}

// entry is the value and the key of a mapping's entry.
func entry(mapping *yaml.Node, name string) (value, key *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1], mapping.Content[i]
		}
	}
	return nil, nil
}

func nothing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// editor changes lines, each with its end.
type editor struct {
	lines  [][]byte
	ending string
}

// ending is how the file ends its lines.
func ending(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// at is the place of a node: its line, and the byte in it. Columns count characters.
func (e *editor) at(n *yaml.Node) (line, offset int) {
	line = n.Line - 1
	for range n.Column - 1 {
		_, size := nextRune(e.lines[line][offset:])
		offset += size
	}
	return line, offset
}

// replace writes a value over one that stands on one line.
func (e *editor) replace(value *yaml.Node, image string) error {
	if value.Kind != yaml.ScalarNode || value.Anchor != "" || value.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 {
		if secret, _ := entry(value, "secure"); secret != nil {
			return errors.New("it is a secret: remove it with pulumi config rm --path first")
		}
		return errForm
	}
	line, offset := e.at(value)
	rest := e.lines[line][offset:]
	length := len(value.Value)
	if value.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		closing := bytes.IndexByte(rest[1:], rest[0]) // a value with quotes inside is refused by the comparison afterwards
		if closing < 0 {
			return errForm
		}
		image, length = string(rest[0])+image+string(rest[0]), closing+2
	} else if !bytes.HasPrefix(rest, []byte(value.Value)) {
		return errForm
	}
	e.lines[line] = bytes.Join([][]byte{e.lines[line][:offset], []byte(image), rest[length:]}, nil)
	return nil
}

// add puts an entry at the beginning of a mapping, below its key.
func (e *editor) add(key, mapping *yaml.Node, block, flow string) error {
	if mapping.Style&yaml.FlowStyle != 0 {
		line, offset := e.at(mapping)
		if e.lines[line][offset] != '{' {
			return errForm
		}
		if len(mapping.Content) > 0 {
			flow += ", "
		}
		e.lines[line] = bytes.Join([][]byte{e.lines[line][:offset+1], []byte(flow), e.lines[line][offset+1:]}, nil)
		return nil
	}
	first, column := e.at(mapping.Content[0])
	if first < key.Line { // `? a` and the like
		return errForm
	}
	e.insert(key.Line, string(e.lines[first][:column])+block)
	return nil
}

// addSection puts the object of the images at the end of the configuration.
func (e *editor) addSection(key, config, root *yaml.Node, block, flow string) error {
	if config.Style&yaml.FlowStyle != 0 {
		return e.add(key, config, "", flow)
	}
	_, column := e.at(config.Content[0])
	indent := strings.Repeat(" ", column)
	end := len(e.lines)
	for i := 0; i+1 < len(root.Content); i += 2 { // the top level's next key ends it
		if next := root.Content[i].Line - 1; next >= key.Line {
			end = min(end, next)
		}
	}
	for end > key.Line && !belongs(e.lines[end-1]) {
		end--
	}
	e.insert(end, indent+"images:", indent+"  "+block)
	return nil
}

// belongs tells whether a line is part of an indented block, not empty and no comment of the top level.
func belongs(line []byte) bool {
	return len(bytes.TrimSpace(line)) > 0 && (line[0] == ' ' || line[0] == '\t')
}

// insert puts lines before the line of a number, which begins at 0.
func (e *editor) insert(at int, texts ...string) {
	last := at == len(e.lines) || at == len(e.lines)-1 && len(e.lines[at]) == 0
	var lines [][]byte
	for _, text := range texts {
		lines = append(lines, []byte(text+e.ending))
	}
	if before := e.lines[at-1]; last && !bytes.HasSuffix(before, []byte("\n")) { // a file without an end of its last line stays so
		e.lines[at-1] = append(before[:len(before):len(before)], e.ending...)
		lines[len(lines)-1] = bytes.TrimSuffix(lines[len(lines)-1], []byte(e.ending))
	}
	e.lines = append(e.lines[:at:at], append(lines, e.lines[at:]...)...)
}

// append puts lines at the end.
func (e *editor) append(texts ...string) {
	end := len(e.lines)
	if len(e.lines[end-1]) == 0 {
		end--
	}
	e.insert(end, texts...)
}
