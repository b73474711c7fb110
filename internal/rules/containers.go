package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func containerRules() []Rule {
	task, service := of(ecsTask), of(ecsService)
	return []Rule{
		{"container-insights", ids("S-ECS4 ECS.12 C_65 T0034"), "Container Insights is on", Production,
			of(ecsCluster), that(func(_ *World, r graph.Resource) string {
				for _, s := range list(r, "settings") {
					if at(s, "name") == "containerInsights" && (at(s, "value") == "enabled" || at(s, "value") == "enhanced") {
						return ""
					}
				}
				return "it is off"
			})},
		{"container-logs", ids("S-ECS7 ECS.9"), "Containers log without blocking, to a group that exists first", Everywhere,
			task, eachContainer(func(w *World, r graph.Resource, c container) string {
				groups := w.To(r, "containerDefinitions", logGroup)
				if c.Log.Driver != "awslogs" || c.Log.Options["mode"] != "non-blocking" || c.Log.Options["awslogs-group"] == "" || len(groups) == 0 {
					return "it does not log with awslogs, non-blocking, to a group of the graph"
				}
				return ""
			})},
		{"read-only-root", ids("ECS.5 C_336"), "The containers' root file system is read-only", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if !c.ReadOnly {
					return "it can"
				}
				return ""
			})},
		{"non-root", ids("ECS.20"), "Containers do not run as root", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if user, _, _ := strings.Cut(c.User, ":"); user == "" || user == "0" || user == "root" {
					return fmt.Sprintf("the user is %q", c.User)
				}
				return ""
			})},
		{"unprivileged", ids("ECS.4 C_334"), "No container is privileged", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if c.Privileged || len(c.Linux.Capabilities.Add) > 0 {
					return "it is privileged or has added capabilities"
				}
				return ""
			})},
		{"own-processes", ids("ECS.3 C_335"), "Tasks do not share the host's process namespace", Everywhere, task, isNot("host", "pidMode")},
		{"own-network", ids("ECS.1 ECS.17 R-ECSTaskDefinitionUserForHostMode"), "Each task has its own network interface", Everywhere, task,
			is("awsvpc", "networkMode")},
		{"no-public-task", ids("ECS.2 C_333"), "Tasks have no public address", Everywhere, service,
			is(false, "networkConfiguration", "assignPublicIp")},
		{"no-secret-in-environment", ids("ECS.8 T0036"), "No task has a secret in its environment", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				for _, v := range c.Environment {
					if s := looksSecret(v.Name + "=" + v.Value); s != "" {
						return s
					}
				}
				return ""
			})},
		{"no-environment", ids("S-ECS2"), "No container has environment variables", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if len(c.Environment) > 0 {
					return "it has environment variables"
				}
				return ""
			})},
		{"platform-latest", ids("ECS.10 C_332"), "Tasks run on the newest platform", Everywhere, service, is("LATEST", "platformVersion")},
		{"separate-roles", ids("C_249"), "A task's execution role and task role are different", Everywhere,
			task, that(func(w *World, r graph.Resource) string {
				execution, own := w.To(r, "executionRoleArn", iamRole), w.To(r, "taskRoleArn", iamRole)
				if len(execution) != 1 || len(own) != 1 || execution[0].Key() == own[0].Key() {
					return "it does not have two different roles"
				}
				return ""
			})},
		{"no-exec", ids("C_223 C_224"), "ECS Exec is off: no shell in a task", Everywhere, service, is(false, "enableExecuteCommand")},
		{"task-by-digest", ids("REL08-BP04"), "Tasks run an image by its digest", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if !digest.MatchString(c.Image) {
					return "the image is " + c.Image
				}
				return ""
			})},
		{"deployment-rolls-back", ids("REL08-BP04"), "A failed deployment is stopped and rolled back", Everywhere,
			service, all(is(true, "deploymentCircuitBreaker", "enable"), is(true, "deploymentCircuitBreaker", "rollback"),
				is(true, "waitForSteadyState"))},
		{"revisions-stay", ids("REL08-BP04"), "The revision that a rollback returns to is not deregistered", Production,
			task, is(true, "skipDestroy")},
		{"on-demand-base", nil, "At least one task never runs on Spot, because Spot has no fallback", Production,
			service, that(func(_ *World, r graph.Resource) string {
				for _, s := range list(r, "capacityProviderStrategies") {
					if base, _ := number(at(s, "base")); at(s, "capacityProvider") == "FARGATE" && base >= 1 {
						return ""
					}
				}
				return "every task may be on Spot"
			})},
		{"strategy-without-launch-type", nil, "Capacity providers are used without a launch type, and a change redeploys", Everywhere,
			service, all(hasNo("launchType"), has("capacityProviderStrategies"), is(true, "forceNewDeployment"))},
		{"stop-timeout", nil, "A task has at least 30 seconds to stop, and no more than Fargate allows", Everywhere,
			task, eachContainer(func(_ *World, _ graph.Resource, c container) string {
				if c.StopTimeout < 30 || c.StopTimeout > 120 {
					return fmt.Sprintf("it has %d s", c.StopTimeout)
				}
				return ""
			})},
		{"count-is-initial", nil, "Only scaling changes the number of tasks", Everywhere, service, ignores("desiredCount")},
	}
}

type container struct {
	Name        string `json:"name"`
	Image       string `json:"image"`
	User        string `json:"user"`
	ReadOnly    bool   `json:"readonlyRootFilesystem"`
	Privileged  bool   `json:"privileged"`
	StopTimeout int    `json:"stopTimeout"`
	Environment []struct{ Name, Value string }
	Linux       struct {
		Capabilities struct{ Add, Drop []string }
	} `json:"linuxParameters"`
	Log struct {
		Driver  string `json:"logDriver"`
		Options map[string]string
	} `json:"logConfiguration"`
}

func eachContainer(check func(*World, graph.Resource, container) string) Check {
	return func(w *World, r graph.Resource) (problems []Problem) {
		var containers []container
		if err := json.Unmarshal([]byte(text(r, "containerDefinitions")), &containers); err != nil || len(containers) == 0 {
			return []Problem{{Text: "containerDefinitions cannot be read"}}
		}
		for _, c := range containers {
			if s := check(w, r, c); s != "" {
				problems = append(problems, Problem{Part: c.Name, Text: s})
			}
		}
		return problems
	}
}

func imageRules() []Rule {
	repository := of(ecrRepository)
	return []Rule{
		{"scan-on-push", ids("ECR.1 C_163 T0030"), "Images are scanned when they are pushed", Everywhere,
			repository, is(true, "imageScanningConfiguration", "scanOnPush")},
		{"immutable-tags", ids("ECR.2 C_51 T0031"), "Image tags are immutable", Everywhere, repository, is("IMMUTABLE", "imageTagMutability")},
		{"image-lifecycle", ids("ECR.3"), "Old images are removed, except those that a rollback needs", Everywhere,
			repository, that(keepsImages)},
		{"image-encryption", ids("C_136 T0033 ECR.5"), "Images are encrypted with the stack's key", Everywhere,
			repository, all(is("KMS", "encryptionConfigurations", 0, "encryptionType"),
				has("encryptionConfigurations", 0, "kmsKey"), refers("encryptionConfigurations", kmsKey))},
		{"repository-private", ids("S-ECR1 C_32 T0032"), "No repository is public", Everywhere,
			repository, func(w *World, r graph.Resource) (problems []Problem) {
				for _, p := range w.Type(ecrPolicy) {
					d, err := document(p, "policy")
					if err != nil || slices.ContainsFunc(d.Statement, func(s statement) bool { return s.Effect == allow && s.Principal.everyone() }) {
						problems = append(problems, Problem{Text: p.Name + " allows everyone"})
					}
				}
				return problems
			}},
		{"images-retained", nil, "Pulumi deletes no image: a replacement would delete the digest that was just pushed", Everywhere,
			of(dockerImage), that(func(_ *World, r graph.Resource) string {
				if !r.RetainOnDelete {
					return "it is not retained on delete"
				}
				return ""
			})},
	}
}

// keptManifests is enough for the last 20 builds: the index that is deployed, the image and its provenance.
const keptManifests = 3 * 20

// keepsImages: deployments use digests, so images of former deployments have no tag or will lose it.
func keepsImages(w *World, r graph.Resource) string {
	for _, p := range w.Graph.Children(r.Parent) {
		if p.Type != ecrLifecycle {
			continue
		}
		var policy struct {
			Rules []struct {
				Selection struct {
					CountType   string
					CountNumber int
				}
			}
		}
		if err := json.Unmarshal([]byte(text(p, "policy")), &policy); err != nil || len(policy.Rules) == 0 {
			return "its lifecycle policy cannot be read"
		}
		for _, rule := range policy.Rules {
			if s := rule.Selection; s.CountType != "imageCountMoreThan" || s.CountNumber < keptManifests {
				return fmt.Sprintf("a rule keeps %s %d, want imageCountMoreThan %d or more", s.CountType, s.CountNumber, keptManifests)
			}
		}
		return ""
	}
	return "its lifecycle policy removes no images"
}
