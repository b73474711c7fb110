package rollout

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// version is one of the launch template.
type version struct {
	number  string
	image   string // the backend's image, by digest; "": the user data names none
	created time.Time
}

// newest is the version that the program has made last, and so the one that an update wants: the group is always set to it.
func (s *session) newest(ctx context.Context, template string) (version, error) {
	all, err := s.versions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &template, Versions: []string{"$Latest"}})
	if err != nil {
		return version{}, err
	}
	if len(all) == 0 {
		return version{}, fmt.Errorf("the launch template %s has no version", template)
	}
	return all[0], nil
}

func (s *session) versions(ctx context.Context, input *ec2.DescribeLaunchTemplateVersionsInput) ([]version, error) {
	var out []version
	pages := ec2.NewDescribeLaunchTemplateVersionsPaginator(s.ec2, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.LaunchTemplateVersions {
			out = append(out, newVersion(v))
		}
	}
	return out, nil
}

func newVersion(v types.LaunchTemplateVersion) version {
	out := version{number: strconv.FormatInt(aws.ToInt64(v.VersionNumber), 10), created: aws.ToTime(v.CreateTime)}
	if v.LaunchTemplateData != nil {
		out.image = imageOf(aws.ToString(v.LaunchTemplateData.UserData))
	}
	return out
}

// startedImage is the image that the user data's script pulls: compute/userdata.sh.tmpl.
var startedImage = regexp.MustCompile(`(?m)^docker pull --quiet '([^']+@sha256:[0-9a-f]{64})'$`)

// imageOf finds the image in a user data, which is base64.
func imageOf(userData string) string {
	script, err := base64.StdEncoding.DecodeString(userData)
	if err != nil {
		return ""
	}
	if found := startedImage.FindSubmatch(script); found != nil {
		return string(found[1])
	}
	return ""
}
