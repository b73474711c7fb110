package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// release finds the date in the name of an image of Amazon Linux 2023: al2023-ami-2023.9.20251117.1-kernel-6.1-arm64.
var release = regexp.MustCompile(`-2023\.\d+\.(\d{8})\.`)

// old is when the alarm backend-release comes.
const old = 60 * 24 * time.Hour

// checkMachineImage compares what the instances run with the newest release of Amazon Linux.
func checkMachineImage(ctx context.Context, s *subject) ([]Finding, error) {
	if id := s.stack.Config("compute", "amiId"); id != "" {
		return s.ownImage(ctx, id)
	}
	var asked struct {
		Filters           []filter `json:"filters"`
		IncludeDeprecated bool     `json:"includeDeprecated"`
		Owners            []string `json:"owners"`
	}
	// The NAT instance may have asked for one of another architecture.
	for i := 0; !slices.ContainsFunc(asked.Filters, func(f filter) bool {
		return f.Name == "architecture" && slices.Contains(f.Values, s.architecture())
	}); i++ {
		if err := s.plan.lookup("aws:ec2/getAmi:getAmi", i, &asked); err != nil {
			return nil, err
		}
	}
	in := &ec2.DescribeImagesInput{Owners: asked.Owners, Filters: filters(asked.Filters), IncludeDeprecated: aws.Bool(asked.IncludeDeprecated)}
	newest, err := s.newestImage(ctx, in)
	if err != nil {
		return nil, err
	}
	chosen := s.stack.Config("compute", "release")
	if newest == "" && chosen != "" {
		return []Finding{fail("pulumi config set --path compute.release <a release that there is>", "Amazon Linux %s is withdrawn or misspelt",
			chosen)}, nil
	}
	if newest == "" {
		return []Finding{fail("choose another region, or compute.amiId", "%s has no image of Amazon Linux 2023", s.aws.Region)}, nil
	}
	if chosen != "" { // what there is beyond the chosen one
		for i, f := range asked.Filters {
			asked.Filters[i].Values = slices.Clone(f.Values)
			for j, v := range f.Values {
				asked.Filters[i].Values[j] = strings.Replace(v, chosen+".", "2023.", 1)
			}
		}
		in = &ec2.DescribeImagesInput{Owners: asked.Owners, Filters: filters(asked.Filters)}
		if newest, err = s.newestImage(ctx, in); err != nil {
			return nil, err
		}
	}
	runs := s.state.output("machineImage")
	if runs == "" {
		return []Finding{ok("%s is the newest", newest)}, nil
	}
	was, is := released(runs), released(newest)
	if was.IsZero() || is.IsZero() {
		return []Finding{warn("", "%s, which tells no date; the newest is %s", runs, newest)}, nil
	}
	behind := is.Sub(was)
	version, _, _ := strings.Cut(strings.TrimPrefix(newest, "al2023-ami-"), "-")
	text := fmt.Sprintf("%s; the newest is %s", runs, version)
	switch {
	case behind <= 0:
		return []Finding{ok("%s, the newest", runs)}, nil
	case s.env.Now().Sub(was) > old:
		return []Finding{warn("pulumi config set --path compute.release "+version[:strings.LastIndex(version, ".")]+", then pulumi up",
			"%s: %d days of fixes are missing", text, int(behind.Hours()/24))}, nil
	}
	return []Finding{ok("%s, %d days later", text, int(behind.Hours()/24))}, nil
}

// newestImage is the name of the image that was made last, "" if there is none.
func (s *subject) newestImage(ctx context.Context, in *ec2.DescribeImagesInput) (string, error) {
	var date, name string
	pages := ec2.NewDescribeImagesPaginator(ec2.NewFromConfig(*s.aws), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, image := range page.Images {
			if made := aws.ToString(image.CreationDate); made > date {
				date, name = made, aws.ToString(image.Name)
			}
		}
	}
	return name, nil
}

func released(name string) time.Time {
	found := release.FindStringSubmatch(name)
	if found == nil {
		return time.Time{}
	}
	at, err := time.Parse("20060102", found[1])
	if err != nil {
		return time.Time{}
	}
	return at
}

// ownImage looks at the image of compute.amiId.
func (s *subject) ownImage(ctx context.Context, id string) ([]Finding, error) {
	found, err := ec2.NewFromConfig(*s.aws).DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id},
		IncludeDeprecated: aws.Bool(true)})
	if strings.HasPrefix(code(err), "InvalidAMIID") || err == nil && len(found.Images) == 0 {
		return []Finding{fail("pulumi config set --path compute.amiId <ID>", "%s has no image %s that the account may use", s.aws.Region, id)},
			nil
	}
	if err != nil {
		return nil, err
	}
	image := found.Images[0]
	if wanted := s.architecture(); string(image.Architecture) != wanted {
		return []Finding{fail("pulumi config set --path compute.amiId <ID of an image for "+wanted+">",
			"%s (%s) is for %s, and compute.instanceType is %s", id, aws.ToString(image.Name), image.Architecture, wanted)}, nil
	}
	return []Finding{ok("%s (%s), of %s", id, aws.ToString(image.Name), strings.SplitN(aws.ToString(image.CreationDate), "T", 2)[0])}, nil
}

// digestURI is an image in a registry of ECR: account, region, repository, digest.
var digestURI = regexp.MustCompile(`^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^@:]+)(?::[^@]+)?@(sha256:[0-9a-f]{64})$`)

// checkImages asks whether the images are in ECR that the configuration names by digest.
func checkImages(ctx context.Context, s *subject) ([]Finding, error) {
	var out []Finding
	for _, key := range []string{"backend", "agent"} {
		uri := s.stack.Config("images", key)
		if uri == "" {
			continue
		}
		parts := digestURI.FindStringSubmatch(uri)
		if parts == nil {
			out = append(out, fail("pulumi config set --path images."+key+" <URI with a digest>", "images.%s is %s", key, uri))
			continue
		}
		config := s.aws.Copy()
		config.Region = parts[2]
		found, err := ecr.NewFromConfig(config).DescribeImages(ctx, &ecr.DescribeImagesInput{
			RegistryId: aws.String(parts[1]), RepositoryName: aws.String(parts[3]),
			ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: aws.String(parts[4])}},
		})
		var noImage *ecrtypes.ImageNotFoundException
		var noRepository *ecrtypes.RepositoryNotFoundException
		switch {
		case errors.As(err, &noImage):
			out = append(out, fail("ops promote copies it there; or pulumi config rm --path images."+key+" builds it",
				"images.%s: %s has no image %s", key, parts[3], parts[4]))
		case errors.As(err, &noRepository):
			out = append(out, fail("pulumi config rm --path images."+key+": the first update builds", "images.%s: there is no repository %s", key,
				parts[3]))
		case err != nil:
			return out, err
		default:
			pushed := "at an unknown time"
			if len(found.ImageDetails) > 0 && found.ImageDetails[0].ImagePushedAt != nil {
				pushed = "on " + found.ImageDetails[0].ImagePushedAt.UTC().Format(time.DateOnly)
			}
			out = append(out, ok("images.%s is in %s, pushed %s", key, parts[3], pushed))
		}
	}
	if len(out) == 0 {
		out = append(out, ok("none is set: the update builds them"))
	}
	return out, nil
}
