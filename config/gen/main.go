// Command gen writes ec2-types.txt: every instance type that the newest AWS SDK knows, one family a line with its sizes. It reads the
// SDK's source as text, so that nothing has to link it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const module = "github.com/aws/aws-sdk-go-v2/service/ec2"

var instanceType = regexp.MustCompile(`InstanceType = "([a-z0-9-]+)\.([a-z0-9-]+)"`)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string) error {
	text, err := exec.Command("go", "mod", "download", "-json", module+"@latest").Output()
	if err != nil {
		return fmt.Errorf("downloading %s: %w", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(text, &found); err != nil {
		return fmt.Errorf("reading what go mod download says of %s: %w", module, err)
	}
	enums, err := os.ReadFile(filepath.Join(found.Dir, "types", "enums.go"))
	if err != nil {
		return err
	}
	sizes := map[string][]string{}
	for _, m := range instanceType.FindAllStringSubmatch(string(enums), -1) {
		sizes[m[1]] = append(sizes[m[1]], m[2])
	}
	var lines []string
	for family, all := range sizes {
		lines = append(lines, family+" "+strings.Join(all, " ")+"\n")
	}
	slices.Sort(lines)
	return os.WriteFile(out, []byte(strings.Join(lines, "")), 0o644)
}
