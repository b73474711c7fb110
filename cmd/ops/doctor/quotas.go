package doctor

import (
	"context"
	"fmt"
	"math"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// quota is one limit of the account in the region, and what the stack asks of it.
type quota struct {
	name          string
	service, code string // of Service Quotas
	// begin is what an update needs, most what the stack has at its maximum: the same for what does not scale.
	begin, most float64
	// used returns what others have of it; nil: the quota's own metric says it.
	used func(ctx context.Context, s *subject) (float64, error)
	// later says what happens when most does not fit.
	later string
}

const groupToken = "aws:autoscaling/group:Group"

// standard are the families that share the quota of "Standard" instances: A, C, D, H, I, M, R, T, Z (Amazon EC2 User Guide, "Amazon EC2
// instance type quotas"). The others, such as inf, trn, mac or hpc, have quotas of their own.
var standard = regexp.MustCompile(`^([acdhimrtz]|im|is)[0-9]`)

// checkQuotas compares the account's quotas with the stack at its beginning and at its maximum.
func checkQuotas(ctx context.Context, s *subject) ([]Finding, error) {
	var out []Finding
	list, err := s.instanceQuotas(ctx)
	if err != nil {
		out = append(out, named("quota vCPUs", unchecked(err))...)
	}
	list = append(list, s.taskQuotas()...)
	list = append(list, s.networkQuotas()...)
	for _, q := range list {
		if q.service == "" {
			out = append(out, named("quota "+q.name, warn("look at Service Quotas, Amazon EC2, in the console",
				"not checked: %s, which is no standard instance", q.later))...)
			continue
		}
		f, err := s.compare(ctx, q)
		if err != nil {
			f = unchecked(err)
		}
		out = append(out, named("quota "+q.name, f)...)
	}
	return out, nil
}

// compare asks for the quota and for what is in use.
func (s *subject) compare(ctx context.Context, q quota) (Finding, error) {
	limit, metric, err := s.limit(ctx, q)
	if err != nil {
		return Finding{}, err
	}
	text := fmt.Sprintf("the stack needs %v", q.begin)
	if q.most > q.begin {
		text += fmt.Sprintf(", and %v at its maximum", q.most)
	}
	others := 0.0
	if q.used != nil {
		if others, err = q.used(ctx, s); others > 0 {
			text += fmt.Sprintf("; others have %v", others)
		}
	} else if metric != nil {
		var used float64
		if used, err = s.usage(ctx, metric); used > 0 {
			text += fmt.Sprintf("; %v are in use", used)
		}
		if others = used; s.state == nil || s.state.count(groupToken) > 0 {
			others = max(used-q.most, 0) // the stack's own are among them: the others are at least so many
		}
	}
	if err != nil {
		text += "; what is in use is " + unchecked(err).Text
	}
	text += fmt.Sprintf("; the quota is %v", limit)
	mend := fmt.Sprintf("aws service-quotas request-service-quota-increase --region %s --service-code %s --quota-code %s --desired-value %v",
		s.aws.Region, q.service, q.code, math.Ceil(q.most+others))
	switch {
	case q.begin+others > limit:
		return fail(mend, "%s", text), nil
	case q.most+others > limit:
		return warn(mend, "%s: %s", text, q.later), nil
	case err != nil:
		return warn("", "%s", text), nil
	}
	return ok("%s", text), nil
}

// limit is the account's own value, or AWS's default where none was ever set for the account.
func (s *subject) limit(ctx context.Context, q quota) (float64, *types.MetricInfo, error) {
	client := servicequotas.NewFromConfig(*s.aws)
	found, err := client.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String(q.service), QuotaCode: aws.String(q.code),
	})
	if code(err) == "NoSuchResourceException" {
		usual, err := client.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{
			ServiceCode: aws.String(q.service), QuotaCode: aws.String(q.code),
		})
		if err != nil {
			return 0, nil, err
		}
		return aws.ToFloat64(usual.Quota.Value), usual.Quota.UsageMetric, nil
	}
	if err != nil {
		return 0, nil, err
	}
	return aws.ToFloat64(found.Quota.Value), found.Quota.UsageMetric, nil
}

// instanceQuotas are those of EC2's vCPUs: instances of the backend, one in ten more while they are replaced, and the NAT instance.
func (s *subject) instanceQuotas(ctx context.Context) ([]quota, error) {
	sizes, err := s.sizes(ctx, s.instanceTypes()...)
	if err != nil {
		return nil, err
	}
	types := s.plan.values(templateToken, "instanceType")
	groups := s.plan.of(groupToken)
	if len(types) != 1 || len(groups) != 1 {
		return nil, nil
	}
	vcpus := float64(sizes[types[0]].vcpus)
	var nat float64
	for _, m := range s.plan.of(machineToken) {
		nat += float64(sizes[m.text("instanceType")].vcpus)
	}
	group := groups[0]
	extra := group.number("instanceRefresh", "preferences", "maxHealthyPercentage")/100 - 1
	begin, most := group.number("desiredCapacity"), group.number("maxSize")
	most += math.Ceil(most * max(extra, 0))
	always, share := begin, 1.0
	if d := group.input("mixedInstancesPolicy", "instancesDistribution"); d != nil {
		always = group.number("mixedInstancesPolicy", "instancesDistribution", "onDemandBaseCapacity")
		share = group.number("mixedInstancesPolicy", "instancesDistribution", "onDemandPercentageAboveBaseCapacity") / 100
	}
	above := func(n float64) float64 { return min(n, always) + math.Ceil(max(n-always, 0)*share) }
	later := "scaling stops below compute.maxSize"
	if !standard.MatchString(types[0]) {
		return []quota{{name: "vCPUs", later: types[0]}}, nil
	}
	out := []quota{{
		name: "vCPUs", service: "ec2", code: "L-1216C47A", later: later, // Running On-Demand Standard instances
		begin: above(begin)*vcpus + nat, most: above(most)*vcpus + nat,
	}}
	if spot := most - above(most); spot > 0 {
		out = append(out, quota{
			name: "Spot vCPUs", service: "ec2", code: "L-34B43A08", later: later, // All Standard Spot Instance Requests
			begin: (begin - above(begin)) * vcpus, most: spot * vcpus,
		})
	}
	return out, nil
}

// taskQuotas are those of Fargate's vCPUs. The service's strategy says which tasks are on Spot.
func (s *subject) taskQuotas() []quota {
	services, targets, tasks := s.plan.of("aws:ecs/service:Service"), s.plan.of("aws:appautoscaling/target:Target"),
		s.plan.of("aws:ecs/taskDefinition:TaskDefinition")
	if len(services) != 1 || len(targets) != 1 || len(tasks) != 1 {
		return nil // no agents
	}
	vcpus := tasks[0].number("cpu") / 1024
	begin, most := services[0].number("desiredCount"), targets[0].number("maxCapacity")
	var base, weight, spotWeight float64
	strategies, _ := services[0].input("capacityProviderStrategies").([]any)
	for _, one := range strategies {
		inputs, _ := one.(map[string]any)
		strategy := resource{Inputs: inputs}
		if strategy.text("capacityProvider") == "FARGATE_SPOT" {
			spotWeight = strategy.number("weight")
			continue
		}
		base, weight = strategy.number("base"), strategy.number("weight")
	}
	onDemand := func(n float64) float64 {
		if spotWeight == 0 {
			return n
		}
		return min(n, base) + math.Ceil(max(n-base, 0)*weight/(weight+spotWeight))
	}
	later := "scaling stops below fargate.maxTasks"
	out := []quota{{
		name: "Fargate vCPUs", service: "fargate", code: "L-3032A538", later: later, // Fargate On-Demand vCPU resource count
		begin: onDemand(begin) * vcpus, most: onDemand(most) * vcpus,
	}}
	if spotWeight > 0 {
		out = append(out, quota{
			name: "Fargate Spot vCPUs", service: "fargate", code: "L-36FBB829", later: later, // Fargate Spot vCPU resource count
			begin: (begin - onDemand(begin)) * vcpus, most: (most - onDemand(most)) * vcpus,
		})
	}
	return out
}
