package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/plan"
)

func containerRules() []Rule {
	task, service := of(ecsTask), of(ecsService)
	return []Rule{
		{"container-insights", ids("S-ECS4 ECS.12 C_65 T0034"), "Container Insights is on", Production,
			of(ecsCluster), that(func(_ *World, r plan.Resource) string {
				for _, s := range list(r, "settings") {
					if at(s, "name") == "containerInsights" && (at(s, "value") == "enabled" || at(s, "value") == "enhanced") {
						return ""
					}
				}
				return "it is off"
			})},
		{"container-logs", ids("S-ECS7 ECS.9"), "Containers log without blocking, to a group that stands before", Everywhere,
			task, eachContainer(func(w *World, r plan.Resource, c container) string {
				groups := w.To(r, "containerDefinitions", logGroup)
				if c.Log.Driver != "awslogs" || c.Log.Options["mode"] != "non-blocking" || c.Log.Options["awslogs-group"] == "" || len(groups) == 0 {
					return "its logging is not awslogs, non-blocking, to a group of the graph"
				}
				return ""
			})},
		{"read-only-root", ids("ECS.5 C_336"), "Containers cannot write to their image", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if !c.ReadOnly {
					return "it can"
				}
				return ""
			})},
		{"non-root", ids("ECS.20"), "Containers run as an ordinary user", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if user, _, _ := strings.Cut(c.User, ":"); user == "" || user == "0" || user == "root" {
					return fmt.Sprintf("the user is %q", c.User)
				}
				return ""
			})},
		{"unprivileged", ids("ECS.4 C_334"), "No container is privileged", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if c.Privileged || len(c.Linux.Capabilities.Add) > 0 {
					return "it has more rights than the kernel gives everyone"
				}
				return ""
			})},
		{"own-processes", ids("ECS.3 C_335"), "Tasks do not see the host's processes", Everywhere, task, isNot("host", "pidMode")},
		{"own-network", ids("ECS.1 ECS.17 R-ECSTaskDefinitionUserForHostMode"), "Tasks have a network interface of their own", Everywhere, task,
			is("awsvpc", "networkMode")},
		{"no-public-task", ids("ECS.2 C_333"), "Tasks have no public address", Everywhere, service,
			is(false, "networkConfiguration", "assignPublicIp")},
		{"no-secret-in-environment", ids("ECS.8 T0036"), "No secret is in a task's environment", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				for _, v := range c.Environment {
					if s := looksSecret(v.Name + "=" + v.Value); s != "" {
						return s
					}
				}
				return ""
			})},
		{"no-environment", ids("S-ECS2"), "No container has environment variables", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if len(c.Environment) > 0 {
					return "it has"
				}
				return ""
			})},
		{"platform-latest", ids("ECS.10 C_332"), "Tasks run on the newest platform", Everywhere, service, is("LATEST", "platformVersion")},
		{"separate-roles", ids("C_249"), "What starts a task and what the task does are two roles", Everywhere,
			task, that(func(w *World, r plan.Resource) string {
				execution, own := w.To(r, "executionRoleArn", iamRole), w.To(r, "taskRoleArn", iamRole)
				if len(execution) != 1 || len(own) != 1 || execution[0].Key() == own[0].Key() {
					return "they are not"
				}
				return ""
			})},
		{"no-exec", ids("C_223 C_224"), "Nobody gets a shell in a task", Everywhere, service, is(false, "enableExecuteCommand")},
		{"task-by-digest", ids("REL08-BP04"), "Tasks run an image by its digest", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if !digest.MatchString(c.Image) {
					return "the image is " + c.Image
				}
				return ""
			})},
		{"deployment-rolls-back", ids("REL08-BP04"), "A bad deployment is stopped and taken back", Everywhere,
			service, all(is(true, "deploymentCircuitBreaker", "enable"), is(true, "deploymentCircuitBreaker", "rollback"),
				is(true, "waitForSteadyState"))},
		{"revisions-stay", ids("REL08-BP04"), "The revision that a rollback returns to is not deregistered", Production,
			task, is(true, "skipDestroy")},
		{"on-demand-base", nil, "One task or more never runs on Spot, which has no fallback", Production,
			service, that(func(_ *World, r plan.Resource) string {
				for _, s := range list(r, "capacityProviderStrategies") {
					if base, _ := number(at(s, "base")); at(s, "capacityProvider") == "FARGATE" && base >= 1 {
						return ""
					}
				}
				return "every task may be on Spot"
			})},
		{"strategy-without-launch-type", nil, "Capacity providers are not mixed with a launch type, and a change of them redeploys", Everywhere,
			service, all(hasNo("launchType"), has("capacityProviderStrategies"), is(true, "forceNewDeployment"))},
		{"stop-timeout", nil, "A task has the longest time that Fargate gives to finish", Everywhere,
			task, eachContainer(func(_ *World, _ plan.Resource, c container) string {
				if c.StopTimeout != 120 {
					return fmt.Sprintf("it has %d s", c.StopTimeout)
				}
				return ""
			})},
		{"count-is-initial", nil, "Updates leave the number of tasks to scaling", Everywhere, service, ignores("desiredCount")},
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

func eachContainer(check func(*World, plan.Resource, container) string) Check {
	return func(w *World, r plan.Resource) (problems []Problem) {
		var containers []container
		if err := json.Unmarshal([]byte(text(r, "containerDefinitions")), &containers); err != nil || len(containers) == 0 {
			return []Problem{{Text: "containerDefinitions are unreadable"}}
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
		{"immutable-tags", ids("ECR.2 C_51 T0031"), "Tags of images cannot move", Everywhere, repository, is("IMMUTABLE", "imageTagMutability")},
		{"image-lifecycle", ids("ECR.3"), "Old images are removed, and those that a rollback needs are not", Everywhere,
			repository, that(keepsImages)},
		{"image-encryption", ids("C_136 T0033 ECR.5"), "Images are encrypted with the stack's key", Everywhere,
			repository, all(is("KMS", "encryptionConfigurations", 0, "encryptionType"),
				has("encryptionConfigurations", 0, "kmsKey"), refers("encryptionConfigurations", kmsKey))},
		{"repository-private", ids("S-ECR1 C_32 T0032"), "No repository is public", Everywhere,
			repository, func(w *World, r plan.Resource) (problems []Problem) {
				for _, p := range w.Type(ecrPolicy) {
					d, err := document(p, "policy")
					if err != nil || slices.ContainsFunc(d.Statement, func(s statement) bool { return s.Effect == allow && s.Principal.everyone() }) {
						problems = append(problems, Problem{Text: p.Name + " lets everyone in"})
					}
				}
				return problems
			}},
		{"images-retained", nil, "Pulumi removes no image: a replacement would delete the digest that it has just pushed", Everywhere,
			of(dockerImage), that(func(_ *World, r plan.Resource) string {
				if !r.RetainOnDelete {
					return "it is not retained on delete"
				}
				return ""
			})},
	}
}

// keptManifests are those of 20 former builds: the index that is deployed, the image, and the image's provenance.
const keptManifests = 3 * 20

// keepsImages: deployments are by digest, so the images of former ones are untagged or about to be.
func keepsImages(w *World, r plan.Resource) string {
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
			return "its policy has no rules that can be read"
		}
		for _, rule := range policy.Rules {
			if s := rule.Selection; s.CountType != "imageCountMoreThan" || s.CountNumber < keptManifests {
				return fmt.Sprintf("a rule keeps %s %d, want imageCountMoreThan %d or more", s.CountType, s.CountNumber, keptManifests)
			}
		}
		return ""
	}
	return "nothing removes images"
}
