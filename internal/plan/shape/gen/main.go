// Command gen writes outputs.txt: for every resource type of the listed provider packages, the output properties that
// always have a value once the resource exists. It reads the providers' Go source as text, so that nothing which uses the
// table has to link it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources lists the module of a provider and the directories in it that hold the types this project may register.
var sources = []struct {
	module string
	dirs   []string
}{
	{"github.com/pulumi/pulumi-aws/sdk/v6", []string{
		"go/aws/acm", "go/aws/apigateway", "go/aws/appautoscaling", "go/aws/autoscaling", "go/aws/budgets", "go/aws/cfg",
		"go/aws/cloudwatch", "go/aws/ec2", "go/aws/ecr", "go/aws/ecs", "go/aws/efs", "go/aws/guardduty", "go/aws/iam",
		"go/aws/inspector2", "go/aws/kms", "go/aws/lb", "go/aws/rds", "go/aws/route53", "go/aws/s3", "go/aws/secretsmanager",
		"go/aws/sns", "go/aws/ssm", "go/aws/vpc", "go/aws/wafv2",
	}},
	{"github.com/pulumi/pulumi-random/sdk/v4", []string{"go/random"}},
}

var (
	token = regexp.MustCompile(`ctx\.RegisterResource\("([^"]+)"`)
	// field matches the outputs that are never null: a plain type, not its Ptr form.
	field = regexp.MustCompile("(?m)^\\s+\\w+\\s+pulumi\\.(String|StringArray|Int|Bool|StringMap)Output\\s+`pulumi:\"(\\w+)\"`")
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string) error {
	var lines []string
	for _, s := range sources {
		root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", s.module).Output()
		if err != nil {
			return fmt.Errorf("finding %s: %w", s.module, err)
		}
		for _, dir := range s.dirs {
			files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), dir, "*.go"))
			if err != nil || len(files) == 0 {
				return fmt.Errorf("no Go files in %s of %s", dir, s.module)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				lines = append(lines, scan(string(text))...)
			}
		}
	}
	slices.Sort(lines)
	return os.WriteFile(out, []byte(strings.Join(slices.Compact(lines), "\n")+"\n"), 0o644)
}

// scan returns the table's line for the resource that a file defines, if it defines one.
func scan(text string) []string {
	match := token.FindStringSubmatch(text)
	if match == nil {
		return nil
	}
	body, _, _ := strings.Cut(text, "\nfunc New")
	line := match[1]
	for _, f := range field.FindAllStringSubmatch(body, -1) {
		line += " " + f[2] + ":" + f[1]
	}
	return []string{line}
}
