package rules

import (
	"encoding/base64"
	"strings"

	"scalable-backend/internal/graph"
)

// script changes what an instance runs when it starts.
func script(f func(string) string) change {
	return func(e *editor) {
		r := e.find(launchTemplate, "compute-instance-arm64")
		text, err := userData(*r)
		if err != nil {
			e.t.Fatal(err)
		}
		r.Inputs["userData"] = base64.StdEncoding.EncodeToString([]byte(f(text)))
	}
}

func line(text string) change { return script(func(s string) string { return s + "\n" + text + "\n" }) }

func instanceCases() map[string][]example {
	const template, nat, group = "compute-instance-arm64", "network-nat", "compute-group"
	return map[string][]example{
		"imds-v2": {
			breaks(template, set(launchTemplate, template, "optional", "metadataOptions", "httpTokens")),
			{subject: nat, dev: true, change: drop(instance, nat, "metadataOptions")},
		},
		"imds-hop-limit": {breaks(template, set(launchTemplate, template, 2, "metadataOptions", "httpPutResponseHopLimit"))},
		"no-public-address": {
			breaks(template, set(launchTemplate, template, "true", "networkInterfaces", 0, "associatePublicIpAddress")),
			breaks(template, drop(launchTemplate, template, "networkInterfaces")),
			{subject: nat, dev: true, mends: true, change: remove(eip, "network-nat-address")},
		},
		"volumes-encrypted": {
			breaks(template, set(launchTemplate, template, "false", "blockDeviceMappings", 0, "ebs", "encrypted")),
			breaks(template, drop(launchTemplate, template, "blockDeviceMappings")),
			{subject: nat, dev: true, change: set(instance, nat, false, "rootBlockDevice", "encrypted")},
		},
		"image-encrypted":     {breaks("compute-image-arm64", set(imageCopy, "compute-image-arm64", false, "encrypted"))},
		"detailed-monitoring": {breaks(template, set(launchTemplate, template, false, "monitoring", "enabled"))},
		"user-data-without-secrets": {
			breaks(template, line("export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE")),
			breaks(template, line("DATABASE_PASSWORD=correct-horse-battery")),
			breaks(template, line(`{"token": "0123456789abcdef"}`)),
			breaks(template, line("psql postgres://backend:hunter2@db/backend")),
			breaks(template, line("-----BEGIN RSA PRIVATE KEY-----")),
			breaks(template, set(launchTemplate, template, map[string]any{"secret": true}, "userData")),
		},
		"session-manager": {breaks(template, remove(rolePolicyAttachment, "compute-ssm")),
			breaks(template, drop(launchTemplate, template, "iamInstanceProfile"))},
		"one-interface": {breaks(template, set(launchTemplate, template, []any{
			map[string]any{"associatePublicIpAddress": false}, map[string]any{"associatePublicIpAddress": false}}, "networkInterfaces"))},
		"instance-in-subnet":     {{subject: nat, dev: true, change: drop(instance, nat, "subnetId")}},
		"instance-ebs-optimized": {{subject: nat, dev: true, change: set(instance, nat, false, "ebsOptimized")}},
		"instance-termination":   {{subject: nat, dev: true, mends: true, change: set(instance, nat, true, "disableApiTermination")}},
		"instance-backup": {
			mends(template, add(backupSelection, "all", nil, map[string]string{"resources": launchTemplate + "::" + template}))},
		"no-key-pair": {breaks(template, set(launchTemplate, template, "mine", "keyName"))},
		"instances-tagged": {breaks(template, drop(launchTemplate, template, "tagSpecifications", 1, "tags", "project")),
			breaks(template, drop(launchTemplate, template, "tagSpecifications"))},
		"backend-by-digest": {
			breaks(template, script(func(s string) string { return digest.ReplaceAllString(s, ":v1") })),
		},

		"group-elb-health": {
			breaks(group, set(scalingGroup, group, "EC2", "healthCheckType")),
			breaks(group, drop(scalingGroup, group, "healthCheckGracePeriod")),
			breaks(group, drop(scalingGroup, group, "targetGroupArns")),
		},
		"group-cooldown": {breaks(group, set(scalingGroup, group, 0, "defaultCooldown"))},
		"group-zones": {breaks(group, with(scalingGroup, group, func(r *graph.Resource) {
			r.PropertyDependencies["vpcZoneIdentifiers"] = []string{subnet + "::network-backend-a"}
		}))},
		"group-launch-template": {
			breaks(group, set(scalingGroup, group, "$Latest", "launchTemplate", "version")),
			{subject: group, dev: true, change: set(scalingGroup, group, "$Latest", "mixedInstancesPolicy", "launchTemplate",
				"launchTemplateSpecification", "version")},
		},
		"group-instance-types": {mends(group, set(scalingGroup, group, map[string]any{"launchTemplate": map[string]any{"overrides": []any{
			map[string]any{"instanceType": "m7g.large"}, map[string]any{"instanceType": "m8g.large"}}}}, "mixedInstancesPolicy"))},
		"group-notifications": {
			breaks(group, func(e *editor) {
				for _, r := range e.g.OfType(scalingNotification) {
					remove(r.Type, r.Name)(e)
				}
			}),
			breaks(group, func(e *editor) {
				for _, r := range e.g.OfType(scalingNotification) {
					set(r.Type, r.Name, []any{"autoscaling:EC2_INSTANCE_LAUNCH"}, "notifications")(e)
				}
			}),
		},
		"group-tags": {breaks(group, set(scalingGroup, group, false, "tags", 2, "propagateAtLaunch"))},
		"refresh-keeps-capacity": {
			breaks(group, set(scalingGroup, group, 90, refresh("minHealthyPercentage")...)),
			breaks(group, set(scalingGroup, group, 100, refresh("maxHealthyPercentage")...)),
			breaks(group, set(scalingGroup, group, true, refresh("autoRollback")...)),
			breaks(group, drop(scalingGroup, group, refresh("alarmSpecification")...)),
		},
		"group-desired-is-initial": {breaks(group, with(scalingGroup, group, func(r *graph.Resource) { r.IgnoreChanges = nil }))},
		"no-attachment-conflicts":  {breaks(group, add(scalingAttachment, "more", nil, nil))},

		"instances-survive-a-zone": {breaks(group, set(scalingGroup, group, 1, "minSize")),
			breaks(group, set(scalingGroup, group, 1, "minElbCapacity"))},
		"tasks-survive-a-zone": {breaks("fargate-agent", set(appTarget, "fargate-agent", 1, "minCapacity"))},
		"group-scales":         {breaks(group, remove(scalingPolicy, "compute-requests")), breaks(group, remove(scalingPolicy, "compute-cpu"))},
		"draining":             {breaks("compute-public", set(targetGroup, "compute-public", 5, "deregistrationDelay"))},
		"alarms-for-everything": {
			breaks("database-instance", withoutAlarms(rdsInstance+"::database-instance")),
			breaks("compute-nlb", withoutAlarms(loadBalancer+"::compute-nlb")),
			breaks("network-nat-b", withoutAlarms(natGateway+"::network-nat-b")),
			breaks("storage-data", withoutAlarms(bucketPolicy+"::storage-data", bucket+"::storage-data")),
		},
		"failed-release-tells": {
			breaks("fargate-agent", remove(metricAlarm, "monitoring-agents-deployment")),
			breaks("fargate-agent", replace(eventRule, "monitoring-agents-deployment", "eventPattern", "_FAILED", "_COMPLETED")),
			breaks("compute-group", remove(eventRule, "monitoring-backend-refresh")),
		},
		"texts-are-taken": {
			breaks("monitoring-own-addresses", set(ipSet, "monitoring-own-addresses", "The stack's own agents", "description")),
			breaks("network-database", set(securityGroup, "network-database", "the stack's database", "description")),
			breaks("monitoring-web-acl", set(webACL, "monitoring-web-acl", "Rate Limit", "rules", 0, "name")),
			breaks("compute-instance", set(iamRole, "compute-instance", "instances – backend", "description")),
			breaks("images-agent", replace(ecrLifecycle, "images-agent", "policy", "for rollbacks", "– rollbacks")),
		},
		"tags-are-taken": {breaks("compute-alb", set(loadBalancer, "compute-alb", "payments & co", "tags", "team"))},
		"stack-tags": {breaks("compute-alb", drop(loadBalancer, "compute-alb", "tags", "project")),
			breaks("alerts-key", drop(kmsKey, "alerts-key", "tags"))},
		"storage-protected-singly": {
			breaks("storage-data", with(kmsKey, "storage-data", func(r *graph.Resource) { r.Protect = false })),
			breaks("database-instance", with("scalable-backend:database:Database", "database", func(r *graph.Resource) { r.Protect = true })),
		},
	}
}

// withoutAlarms removes the alarms whose dimensions come from some resources.
func withoutAlarms(keys ...string) change {
	return func(e *editor) {
		for _, r := range e.g.OfType(metricAlarm) {
			edges := strings.Join(append(r.PropertyDependencies["dimensions"], r.PropertyDependencies["metricQueries"]...), "\n") + "\n"
			for _, key := range keys {
				if strings.Contains(edges, key+"\n") {
					remove(r.Type, r.Name)(e)
					break
				}
			}
		}
	}
}
