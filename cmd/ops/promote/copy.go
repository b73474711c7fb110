package promote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"scalable-backend/cmd/ops/account"
)

// job is one image to be copied.
type job struct {
	service   string
	image     string // the first stack's, by digest
	target    name.Digest
	source    *remote.Descriptor
	platforms string // for people: linux/arm64
	there     bool   // the second stack has it already
	write     []remote.Option
}

// prepare looks at an image of the first stack and at the second one's repository, and changes nothing.
func (s *session) prepare(ctx context.Context, service, architecture string) (*job, error) {
	j := &job{service: service}
	var err error
	if j.image, err = s.source.Output(service + "Image"); err != nil {
		return nil, err
	}
	repository, err := s.goal.Output(service + "RepositoryUrl")
	if err != nil {
		return nil, err
	}
	from, digest, ok := strings.Cut(j.image, "@")
	switch {
	case !ok || !strings.HasPrefix(digest, "sha256:"):
		return nil, fmt.Errorf("the image %s: want one by digest", j.image)
	case from == repository:
		return nil, fmt.Errorf("both stacks have the repository %s: are the outputs those of two stacks?", repository)
	}
	if j.target, err = name.NewDigest(repository+"@"+digest, name.StrictValidation); err != nil {
		return nil, err
	}
	read, err := s.registry(ctx, s.sourceAWS)
	if err != nil {
		return nil, err
	}
	if j.write, err = s.registry(ctx, s.goalAWS); err != nil {
		return nil, err
	}
	if j.source, err = fetch(j.image, read); err != nil {
		return nil, explain(err, "reading the image "+j.image)
	}
	platforms, err := platformsOf(j.source)
	if err != nil {
		return nil, explain(err, "reading the image "+j.image)
	}
	j.platforms = strings.Join(platforms, " and ")
	if !slices.Contains(platforms, architecture) {
		return nil, fmt.Errorf("the image %s is for %s, and %s runs %s: build it for that, or choose another compute.instanceType",
			j.image, j.platforms, s.goal.Name, architecture)
	}
	if j.there, err = has(j.target, j.write); err != nil {
		return nil, explain(err, "looking for the image in "+repository)
	}
	return j, nil
}

// copy brings the image into the second stack's repository.
func (s *session) copy(j *job) error {
	to := j.target.Context().Name()
	switch {
	case j.there:
		s.say.Line("%s: %s is in %s already", j.service, j.source.Digest, to)
		return nil
	case s.dryRun:
		s.say.Line("%s: would copy %s, %s, to %s", j.service, j.image, j.platforms, to)
		return nil
	}
	if err := s.push(j); err != nil {
		return explain(err, "copying the image to "+to)
	}
	s.say.Line("%s: copied %s, %s, to %s", j.service, j.image, j.platforms, to)
	return nil
}

// fetch reads the manifest of an image by digest; the library refuses one that has another digest than it was asked for.
func fetch(image string, options []remote.Option) (*remote.Descriptor, error) {
	reference, err := name.NewDigest(image, name.StrictValidation)
	if err != nil {
		return nil, err
	}
	return remote.Get(reference, options...)
}

// has tells whether a repository has a digest.
func has(target name.Digest, options []remote.Option) (bool, error) {
	_, err := remote.Head(target, options...)
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// push writes an image with all its platforms under a tag of its own, and looks whether the digest arrived.
func (s *session) push(j *job) error {
	// ECR removes untagged images earlier. The tag is the digest's, so it never moves: a repository with immutable tags takes it.
	tag := j.target.Context().Tag("promoted-" + j.source.Digest.Hex[:12])
	updates := make(chan v1.Update, 100)
	failed := make(chan error, 1)
	go func() {
		failed <- write(tag, j.source, append(j.write[:len(j.write):len(j.write)], remote.WithProgress(updates)))
	}()
	var err error
	for working := true; working; {
		select {
		case u, open := <-updates:
			if !open {
				updates = nil // some ways of failing leave it open
			} else if u.Error == nil && s.env.Width() > 0 { // a line for each would fill a file
				s.say.Going("%s: %d of %d MB", j.service, u.Complete>>20, u.Total>>20)
			}
		case err = <-failed:
			working = false
		}
	}
	if err != nil {
		return err
	}
	there, err := has(j.target, j.write)
	if err == nil && !there {
		err = fmt.Errorf("the repository does not have the digest %s that was copied", j.source.Digest)
	}
	return err
}

// write pushes the image under a tag; of an index the platforms first, by digest.
func write(tag name.Tag, source *remote.Descriptor, options []remote.Option) error {
	if source.MediaType.IsIndex() {
		index, err := source.ImageIndex()
		if err != nil {
			return err
		}
		return remote.WriteIndex(tag, index, options...)
	}
	image, err := source.Image()
	if err != nil {
		return err
	}
	return remote.Write(tag, image, options...)
}

// registry are how an account's registry is reached.
func (s *session) registry(ctx context.Context, a *account.Account) ([]remote.Option, error) {
	got, err := ecr.NewFromConfig(a.Config).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, err
	}
	if len(got.AuthorizationData) == 0 {
		return nil, errors.New("ECR gave no authorization token")
	}
	token, err := base64.StdEncoding.DecodeString(aws.ToString(got.AuthorizationData[0].AuthorizationToken))
	user, password, ok := strings.Cut(string(token), ":")
	if err != nil || !ok {
		return nil, errors.New("ECR's authorization token: want user:password in base64")
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(s.env.HTTP), remote.WithUserAgent("scalable-backend-ops"),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: user, Password: password})),
	}, nil
}

// explain says what a registry's refusal means.
func explain(err error, doing string) error {
	var refused *transport.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	hint := ""
	switch refused.StatusCode {
	case http.StatusNotFound:
		hint = ": there is no such repository or image; a repository is made by the stack's first pulumi up, and keeps its last builds only"
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = ": the caller may not; docs/ops.md lists the permissions, and across accounts the repository's policy counts too (or " +
			"-from-profile)"
	}
	return fmt.Errorf("%s: %w%s", doing, err, hint)
}
