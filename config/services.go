package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalable-backend/compute"
	"scalable-backend/fargate"
	agentconfig "scalable-backend/services/agent/config"
	backendconfig "scalable-backend/services/backend/config"
)

// checkServices: variables with which the services of this repository would not start, where the stack runs them. An image or a
// command of the owner's may be another program, with variables of its own.
func checkServices(c *Config, r *report) {
	if p := &c.Compute.Program; c.Images.Backend == "" && len(p.Command) == 0 {
		checkService(r, "compute", p.Environment, compute.Environment(compute.Settings{
			Stack: c.Stack, Stage: backendconfig.DefaultStage, Region: c.Region, Bucket: "bucket", MetricsNamespace: "namespace", Program: *p,
			DatabaseSecretARN: strings.TrimSuffix(exampleSecret, ":apiKey"), AdminTokenSecretARN: strings.TrimSuffix(exampleSecret, ":apiKey"),
		}), func(values map[string]string) error { _, err := backendconfig.Parse(values); return err })
	}
	if p := &c.Fargate.Program; c.Images.Agent == "" && slices.Equal(p.Command, fargate.DefaultProgram().Command) {
		checkService(r, "fargate", p.Environment, fargate.Environment(fargate.Settings{
			Stack: c.Stack, Region: c.Region, APIURL: "https://" + exampleDomain, SourceHosts: []string{exampleDomain},
			RetainHours: c.Fargate.RetainHours, Program: *p,
		}), func(values map[string]string) error { _, err := agentconfig.Parse(values); return err })
	}
}

// checkService parses a service's environment, and blames each variable that is refused by itself, or else all of them.
func checkService(r *report, tier string, own, set map[string]string, parse func(map[string]string) error) {
	key := tier + ".environment"
	if r.hidden[tier] || !r.clean(key) || parse(set) != nil {
		return
	}
	refusal := func(more map[string]string) string {
		values := maps.Clone(set)
		maps.Copy(values, more)
		err := parse(values)
		if err == nil {
			return ""
		}
		_, problems, _ := strings.Cut(err.Error(), "\n  - ")
		return "the service would not start: " + strings.ReplaceAll(problems, "\n  - ", "; ")
	}
	all := refusal(own)
	if all == "" {
		return
	}
	alone := false
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if why := refusal(map[string]string{name: own[name]}); why != "" {
			place := fmt.Sprintf("%s[%q]", key, name)
			r.addCommand(place, own[name], why, r.remove(place))
			alone = true
		}
	}
	if !alone {
		r.addCommand(key, fmt.Sprintf("%d variables", len(own)), all, r.remove(key))
	}
}
