package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// settings are the configuration: Pulumi.yaml has the meaning of each.
type settings struct {
	repository, project      string
	stateBucket, stateKeyARN string
	providerARN              string
	stacks, regions          []string
}

var (
	// A repository made or renamed after 15 July 2026 has the ids in its tokens' subject, and GitHub's ids are numbers.
	validRepository = regexp.MustCompile(`^([A-Za-z0-9-]+/[A-Za-z0-9._-]+|[A-Za-z0-9-]+@\d+/[A-Za-z0-9._-]+@\d+)$`)
	validName       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`) // of a project or a stack: role names have at most 64 characters
	validBucket     = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	validKey        = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$`)
	validProvider   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com$`)
	validRegion     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
)

// read returns the settings, or every problem of them.
func read(ctx *pulumi.Context) (settings, error) {
	get := func(key string) string {
		value, _ := ctx.GetConfig(ctx.Project() + ":" + key)
		return value
	}
	s := settings{
		repository: get("repository"), project: get("project"), providerARN: get("providerArn"),
		stateBucket: get("stateBucket"), stateKeyARN: get("stateKeyArn"),
	}
	if s.project == "" {
		// `pulumi new` gives it another name.
		root, err := workspace.LoadProject("../../Pulumi.yaml")
		if err != nil {
			return s, fmt.Errorf("reading the name of the project: %w", err)
		}
		s.project = root.Name.String()
	}
	for key, list := range map[string]*[]string{"stacks": &s.stacks, "regions": &s.regions} {
		if err := json.Unmarshal([]byte(get(key)), list); err != nil {
			return s, fmt.Errorf("github-oidc:%s: want a list, got %q: %w", key, get(key), err)
		}
	}
	return s, s.check()
}

func (s settings) check() error {
	var problems []error
	want := func(ok bool, key, want, got string) {
		if !ok {
			problems = append(problems, fmt.Errorf("github-oidc:%s: want %s, got %q", key, want, got))
		}
	}
	want(validRepository.MatchString(s.repository), "repository", "owner/name or owner@id/name@id", s.repository)
	want(validName.MatchString(s.project), "project", "a Pulumi project's name of at most 31 characters", s.project)
	want(validBucket.MatchString(s.stateBucket), "stateBucket", "the name of a bucket", s.stateBucket)
	for _, tier := range tiers {
		want(!strings.HasPrefix(s.stateBucket, tier+"-"), "stateBucket", "a name that does not begin as the stacks' buckets do, with "+tier+"-",
			s.stateBucket)
	}
	want(validKey.MatchString(s.stateKeyARN), "stateKeyArn", "the ARN of a KMS key, not of an alias", s.stateKeyARN)
	want(s.providerARN == "" || validProvider.MatchString(s.providerARN), "providerArn", "the ARN of "+issuer+", or none",
		s.providerARN)
	want(len(s.stacks) > 0, "stacks", "at least one", "")
	for _, stack := range s.stacks {
		want(validName.MatchString(stack), "stacks", "names of at most 31 characters", stack)
	}
	want(len(s.regions) > 0, "regions", "at least one", "")
	for _, region := range s.regions {
		want(validRegion.MatchString(region), "regions", "regions of AWS", region)
	}
	return errors.Join(problems...)
}
