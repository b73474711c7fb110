package images

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/internal/naming"
	"scalable-backend/internal/stack"
)

// maxPart keeps a repository's name well below the 256 characters that ECR allows, as its URL is read by people.
const maxPart = 60

var (
	// platforms are Docker's names for what EC2 calls an architecture.
	platforms = map[string]string{"arm64": "linux/arm64", "x86_64": "linux/amd64"}

	validPart  = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
	digestURI  = regexp.MustCompile(
		`^([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(amazonaws\.com|amazonaws\.com\.cn)/([a-z0-9][a-z0-9._/-]*)@sha256:[0-9a-f]{64}$`)
)

// RepositoryName is the name of a service's repository in one stack, e.g. "scalable-backend/dev/agent".
func RepositoryName(project, stack, service string) string {
	return part(project) + "/" + part(stack) + "/" + service
}

// part turns a Pulumi name into what ECR allows between slashes. A name that has to change (capitals, runs of punctuation)
// takes a hash of the original along, so that the stacks "Dev" and "dev" do not share a repository.
func part(name string) string {
	if validPart.MatchString(name) {
		return naming.Cap(name, maxPart)
	}
	sum := sha256.Sum256([]byte(name))
	clean := naming.Cap(strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-"), maxPart)
	return strings.TrimLeft(clean+"-"+hex.EncodeToString(sum[:4]), "-")
}

// CheckURI reports why uri cannot be deployed from the given repository: it must name a digest there, in the stack's own
// region and, where accounts are known, in one of them.
func CheckURI(uri, region string, accounts []string, repository string) error {
	parts := digestURI.FindStringSubmatch(uri)
	if parts == nil {
		return fmt.Errorf("not a digest URI: want %s", ExampleURI(region, repository))
	}
	if len(accounts) > 0 && !slices.Contains(accounts, parts[1]) {
		return fmt.Errorf("an image of account %s; this stack's account is %s", parts[1], strings.Join(accounts, " or "))
	}
	if parts[2] != region {
		return fmt.Errorf("an image in region %s; this stack runs in %s", parts[2], region)
	}
	if parts[3] != domain(region) {
		return fmt.Errorf("a registry in %s; those of region %s are in %s", parts[3], region, domain(region))
	}
	if parts[4] != repository {
		return fmt.Errorf("an image of repository %s; this stack's own is %s: copy the image there first", parts[4], repository)
	}
	return nil
}

// ExampleURI shows the form of a digest URI that CheckURI takes.
func ExampleURI(region, repository string) string {
	return "<account>.dkr.ecr." + region + "." + domain(region) + "/" + repository + "@sha256:<64 hex digits>"
}

// domain is what the host of a registry ends in.
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func accounts(info stack.Info) []string {
	if info.AccountID == "" {
		return nil
	}
	return []string{info.AccountID}
}
