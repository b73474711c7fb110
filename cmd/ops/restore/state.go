package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const instanceURN = "aws:rds/instance:Instance::database-instance"

// files are the state before and after, in the directory of what is not committed.
func (p *restoring) files() (before, after string) {
	at := filepath.Join(p.Stack.Dir, ".cache", "restore-"+p.Stack.Name)
	return at + "-before.json", at + "-after.json"
}

// adopt writes the resource id of the stack's instance into Pulumi's state, if there is another one.
func (p *restoring) adopt(ctx context.Context, id string) error {
	before, after := p.files()
	if p.Dry {
		for _, args := range [][]string{{"stack", "export", "--file", before}, {"stack", "import", "--file", after}} {
			if _, err := p.Pulumi(ctx, args...); err != nil {
				return err
			}
			if args[1] == "export" {
				p.Say("  (writes %s: id, outputs.id and outputs.resourceId of database-instance become %s)", after, id)
			}
		}
		return nil
	}
	text, err := p.Pulumi(ctx, "stack", "export", "--non-interactive")
	if err != nil {
		return err
	}
	changed, was, err := withID([]byte(text), id)
	if err != nil {
		return fmt.Errorf("pulumi stack export: %w", err)
	}
	if was == id {
		p.Say("Pulumi knows the instance already.")
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(before), 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{before, []byte(text)}, {after, changed}} {
		if err := os.WriteFile(file.name, file.text, 0o600); err != nil { // secrets in it are encrypted; it is nobody else's all the same
			return err
		}
	}
	p.Say("The state has %s, and the instance is %s.", was, id)
	_, err = p.Pulumi(ctx, "stack", "import", "--file", after)
	return err
}

// withID returns the state with another resource id of the database's instance, and the one that it had.
func withID(text []byte, id string) (changed []byte, was string, err error) {
	var state map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // no number is written in another form
	if err := decoder.Decode(&state); err != nil {
		return nil, "", err
	}
	deployment, _ := state["deployment"].(map[string]any)
	resources, _ := deployment["resources"].([]any)
	found := 0
	for _, one := range resources {
		resource, _ := one.(map[string]any)
		urn, _ := resource["urn"].(string)
		if !strings.HasSuffix(urn, instanceURN) || resource["delete"] == true { // one that waits for its deletion is not the stack's
			continue
		}
		outputs, isObject := resource["outputs"].(map[string]any)
		if !isObject {
			return nil, "", fmt.Errorf("%s has no outputs", urn)
		}
		found++
		was, _ = resource["id"].(string)
		resource["id"], outputs["id"], outputs["resourceId"] = id, id, id
	}
	if found != 1 {
		return nil, "", fmt.Errorf("%d resources are %s: want one", found, instanceURN)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(state); err != nil {
		return nil, "", err
	}
	return out.Bytes(), was, nil
}
