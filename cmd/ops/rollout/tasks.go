package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"scalable-backend/cmd/ops/report"
)

// agentContainer is the container's name in the task definition, and the prefix of its log streams: fargate/container.go.
const agentContainer = "agent"

// taskImage is the image of a task definition.
func (s *session) taskImage(ctx context.Context, task string) (string, error) {
	found, err := s.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &task})
	if err != nil {
		return "", err
	}
	for _, c := range found.TaskDefinition.ContainerDefinitions {
		if aws.ToString(c.Name) == agentContainer {
			return aws.ToString(c.Image), nil
		}
	}
	return "", nil
}

// tasks are those of the service that run, or have stopped within the last hour.
func (s *session) tasks(ctx context.Context, status types.DesiredStatus) ([]types.Task, error) {
	var out []types.Task
	pages := ecs.NewListTasksPaginator(
		s.ecs,
		&ecs.ListTasksInput{Cluster: &s.agents.cluster, ServiceName: &s.agents.service, DesiredStatus: status},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		found, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &s.agents.cluster, Tasks: page.TaskArns})
		if err != nil {
			return nil, err
		}
		out = append(out, found.Tasks...)
	}
	return out, nil
}

// compareTasks holds the digests that the tasks really run against that of the task definition.
func (s *session) compareTasks(ctx context.Context, image string) error {
	running, err := s.tasks(ctx, types.DesiredStatusRunning)
	if err != nil {
		return err
	}
	_, wanted, _ := strings.Cut(image, "@")
	digests := map[string]int{}
	for _, task := range running {
		for _, c := range task.Containers {
			if aws.ToString(c.Name) == agentContainer && aws.ToString(c.LastStatus) == "RUNNING" {
				digests[aws.ToString(c.ImageDigest)]++
			}
		}
	}
	delete(digests, "") // ECS does not know it yet
	fine := digests[wanted]
	delete(digests, wanted)
	for _, digest := range slices.Sorted(maps.Keys(digests)) {
		inside, err := s.isPartOf(ctx, image, digest)
		if err != nil {
			return err
		}
		if inside {
			fine += digests[digest]
			continue
		}
		s.say.Check(report.Bad, "agents", "%s the image %s, wanted %s", runs(digests[digest], "task"), digest, wanted)
	}
	if fine > 0 {
		s.say.Check(report.OK, "agents", "%s the image %s", runs(fine, "task"), wanted)
	}
	return nil
}

func runs(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " runs"
	}
	return fmt.Sprintf("%d %ss run", n, noun)
}

// isPartOf tells whether a digest is that of a platform of an image for several: of such an image in ECR, ECS names the platform's
// (https://github.com/aws/amazon-ecs-agent/pull/2201).
func (s *session) isPartOf(ctx context.Context, image, digest string) (bool, error) {
	repository, wanted, _ := strings.Cut(image, "@")
	_, name, _ := strings.Cut(repository, "/")
	found, err := s.registry.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &name, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &wanted}},
	})
	if err != nil {
		return false, err
	}
	for _, i := range found.Images {
		var index struct {
			Manifests []struct{ Digest string }
		}
		if json.Unmarshal([]byte(aws.ToString(i.ImageManifest)), &index) != nil {
			continue
		}
		for _, m := range index.Manifests {
			if m.Digest == digest {
				return true, nil
			}
		}
	}
	return false, nil
}
