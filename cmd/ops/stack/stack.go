// Package stack knows what a command may ask about a stack: its outputs, which the Pulumi CLI or a file has, and its configuration, which
// is in the project's files.
package stack

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"go.yaml.in/yaml/v3"
)

// Stack is what is known of one stack.
type Stack struct {
	Project string // the name in Pulumi.yaml
	Name    string // without organisation and project
	Full    string // as it was given, for the Pulumi CLI
	Dir     string // where Pulumi.yaml is
	File    string // the stack's own file, Pulumi.<stack>.yaml; it need not exist

	outputs         map[string]json.RawMessage
	config, project *yaml.Node // of the two files: mappings, or nil
}

// Output is a text output; the outputs are listed in system/outputs.go.
func (s *Stack) Output(name string) (string, error) {
	raw, ok := s.outputs[name]
	if !ok {
		return "", fmt.Errorf("the stack %s has no output %s: run pulumi up first, with this release of the program", s.Name, name)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || text == "" || text == "[secret]" {
		return "", fmt.Errorf("the output %s of the stack %s: want a text, got %s", name, s.Name, raw)
	}
	return text, nil
}

// Has tells whether the stack has an output.
func (s *Stack) Has(name string) bool {
	_, ok := s.outputs[name]
	return ok
}

// Agents tells whether the stack has a service of agents: fargate.enabled.
func (s *Stack) Agents() bool { return s.Has("clusterName") }

// LogGroup is the name of a log group of the output logGroups (backend, agents, api, ...), "" if the stack has none.
func (s *Stack) LogGroup(name string) string {
	var groups map[string]string
	if json.Unmarshal(s.outputs["logGroups"], &groups) != nil {
		return ""
	}
	return groups[name]
}

// Config is a value of the configuration as its file has it: Config("compute", "instanceType"), Config("aws:region"). It is "" if the key
// is not set or its value is no text, number or boolean; the program's defaults are not known here.
func (s *Stack) Config(key string, path ...string) string {
	if node := s.node(key, path); node != nil && node.Kind == yaml.ScalarNode && node.Tag != "!!null" {
		return node.Value
	}
	return ""
}

// List is a list of texts of the configuration, such as List("aws:allowedAccountIds").
func (s *Stack) List(key string, path ...string) []string {
	node := s.node(key, path)
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode && strings.HasPrefix(node.Value, "[") { // pulumi config set stores a list as JSON text
		var parsed yaml.Node
		if yaml.Unmarshal([]byte(node.Value), &parsed) == nil && len(parsed.Content) == 1 {
			node = parsed.Content[0]
		}
	}
	if node.Kind != yaml.SequenceNode {
		return nil
	}
	var out []string
	for _, element := range node.Content {
		out = append(out, element.Value)
	}
	return out
}

// Region is where the stack is: aws:region, or the region of its load balancer.
func (s *Stack) Region() (string, error) {
	if region := s.Config("aws:region"); region != "" {
		return region, nil
	}
	if at, ok := s.where(); ok {
		return at.Region, nil
	}
	return "", fmt.Errorf("%s: aws:region is not set", s.File)
}

// Accounts are the numbers of the accounts that the stack may be in: that of its outputs, or aws:allowedAccountIds. None: nobody said.
func (s *Stack) Accounts() []string {
	if at, ok := s.where(); ok {
		return []string{at.AccountID}
	}
	return s.List("aws:allowedAccountIds")
}

// where is the ARN of something that the stack has.
func (s *Stack) where() (arn.ARN, bool) {
	text, err := s.Output("loadBalancerArn")
	if err != nil {
		return arn.ARN{}, false
	}
	parsed, err := arn.Parse(text)
	return parsed, err == nil && parsed.AccountID != "" && parsed.Region != ""
}

// node is a value of the stack's file, or of Pulumi.yaml, which may hold values for all stacks.
func (s *Stack) node(key string, path []string) *yaml.Node {
	keys := []string{key}
	if !strings.Contains(key, ":") {
		keys = append(keys, s.Project+":"+key)
	}
	for _, k := range keys {
		if node := follow(child(s.config, k), path); node != nil {
			return node
		}
	}
	for _, k := range keys {
		declared := child(s.project, k)
		if declared == nil {
			continue
		}
		if declared.Kind != yaml.MappingNode { // aws:region: us-east-1
			return follow(declared, path)
		}
		for _, value := range []string{"value", "default"} {
			if node := follow(child(declared, value), path); node != nil {
				return node
			}
		}
	}
	return nil
}

func follow(node *yaml.Node, path []string) *yaml.Node {
	for _, key := range path {
		node = child(node, key)
	}
	return node
}

// child is the value of a key of a mapping.
func child(node *yaml.Node, key string) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// Keys are the names in a mapping of the configuration, such as Keys("compute", "secrets"), in the file's order.
func (s *Stack) Keys(key string, path ...string) []string {
	node := s.node(key, path)
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var out []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		out = append(out, node.Content[i].Value)
	}
	return out
}
