package rules

import "scalable-backend/internal/graph"

func apiCases() map[string][]example {
	const stage, settings, api = "api-stage", "api-settings", "api-rest"
	return map[string][]example{
		"stage-access-log": {
			breaks(stage, drop(apiStage, stage, "accessLogSettings")),
			breaks(stage, set(apiStage, stage, "$context.requestId", "accessLogSettings", "format")),
			breaks(stage, without(apiStage, stage, apiAccount+"::api-account")),
		},
		"stage-execution-log": {
			breaks(stage, set(apiSettings, settings, "OFF", "settings", "loggingLevel")),
			breaks(stage, drop(apiSettings, settings, "settings", "metricsEnabled")),
			breaks(stage, set(apiSettings, settings, "v1/files/GET", "methodPath")),
		},
		"no-data-trace": {breaks(settings, set(apiSettings, settings, true, "settings", "dataTraceEnabled"))},
		"api-iam": {breaks(api, replace(restAPI, api, "body", `"AWS_IAM"`, `"NONE"`)),
			breaks(api, replace(restAPI, api, "body", `"security":[{"sigv4":[]}]`, `"security":[]`)),
			breaks(api, set(restAPI, api, `{"paths":{}}`, "body"))},
		"api-cognito": {mends(api, replace(restAPI, api, "body", "awsSigv4", "cognito_user_pools"))},
		"api-validators": {breaks(api, replace(restAPI, api, "body", `"validateRequestBody":true`, `"validateRequestBody":false`)),
			breaks(api, replace(restAPI, api, "body", `-validator":"request"`, `-validator":"none"`))},
		"api-tracing":            {breaks(stage, set(apiStage, stage, false, "xrayTracingEnabled"))},
		"api-waf":                {breaks(stage, remove(webACLAssociation, "monitoring-web-acl-api"))},
		"api-client-certificate": {mends(stage, set(apiStage, stage, "cert", "clientCertificateId"))},
		"api-cache":              {mends(settings, set(apiSettings, settings, true, "settings", "cachingEnabled"))},
		"api-cache-encrypted":    {breaks(settings, set(apiSettings, settings, true, "settings", "cachingEnabled"))},
		"api-replaced-in-place": {breaks("api-deployment",
			with(apiDeployment, "api-deployment", func(r *graph.Resource) { r.DeleteBeforeReplace = true }))},
		"api-redeployed": {breaks("api-deployment", drop(apiDeployment, "api-deployment", "triggers"))},
		"api-throttled": {breaks(settings, drop(apiSettings, settings, "settings", "throttlingRateLimit")),
			breaks(settings, set(apiSettings, settings, -1, "settings", "throttlingBurstLimit"))},
	}
}

func containerCases() map[string][]example {
	const agent, definitions, image = "fargate-agent", "containerDefinitions", "images-backend"
	edited := func(from, to string) example { return breaks(agent, replace(ecsTask, agent, definitions, from, to)) }
	service := func(value any, path ...any) example { return breaks(agent, set(ecsService, agent, value, path...)) }
	return map[string][]example{
		"container-insights": {breaks("fargate-cluster", set(ecsCluster, "fargate-cluster", "disabled", "settings", 0, "value"))},
		"container-logs": {
			edited(`"mode":"non-blocking"`, `"mode":"blocking"`), edited(`"logDriver":"awslogs"`, `"logDriver":"json-file"`),
			breaks(agent, with(ecsTask, agent, func(r *graph.Resource) { delete(r.PropertyDependencies, definitions) })),
		},
		"read-only-root":           {edited(`"readonlyRootFilesystem":true`, `"readonlyRootFilesystem":false`)},
		"non-root":                 {edited(`"user":"65532:65532"`, `"user":"0:0"`), edited(`"user":"65532:65532",`, ``)},
		"unprivileged":             {edited(`"privileged":false`, `"privileged":true`), edited(`"add":[]`, `"add":["SYS_PTRACE"]`)},
		"own-processes":            {breaks(agent, set(ecsTask, agent, "host", "pidMode"))},
		"own-network":              {breaks(agent, set(ecsTask, agent, "host", "networkMode"))},
		"no-public-task":           {service(true, "networkConfiguration", "assignPublicIp")},
		"no-secret-in-environment": {edited(`{"name":"AGENT_AUTH","value":"sigv4"}`, `{"name":"AGENT_TOKEN","value":"0123456789abcdef"}`)},
		"no-environment":           {mends(agent, replace(ecsTask, agent, definitions, `"environment":`, `"formerEnvironment":`))},
		"platform-latest":          {service("1.3.0", "platformVersion")},
		"separate-roles": {breaks(agent, with(ecsTask, agent, func(r *graph.Resource) {
			r.PropertyDependencies["taskRoleArn"] = r.PropertyDependencies["executionRoleArn"]
		}))},
		"no-exec":        {service(true, "enableExecuteCommand")},
		"task-by-digest": {edited("@sha256:", ":")},
		"deployment-rolls-back": {
			service(false, "deploymentCircuitBreaker", "rollback"), service(false, "waitForSteadyState"),
		},
		"revisions-stay":               {breaks(agent, set(ecsTask, agent, false, "skipDestroy"))},
		"on-demand-base":               {service(0, "capacityProviderStrategies", 0, "base")},
		"strategy-without-launch-type": {service("FARGATE", "launchType"), service(false, "forceNewDeployment")},
		"stop-timeout":                 {edited(`"stopTimeout":120`, `"stopTimeout":29`), edited(`"stopTimeout":120`, `"stopTimeout":121`)},
		"count-is-initial":             {breaks(agent, with(ecsService, agent, func(r *graph.Resource) { r.IgnoreChanges = nil }))},

		"scan-on-push":   {breaks(image, set(ecrRepository, image, false, "imageScanningConfiguration", "scanOnPush"))},
		"immutable-tags": {mends(image, set(ecrRepository, image, "IMMUTABLE", "imageTagMutability"))},
		"image-lifecycle": {
			breaks(image, remove(ecrLifecycle, image)),
			breaks(image, replace(ecrLifecycle, image, "policy", `"countNumber":90`, `"countNumber":59`)),
			breaks(image, replace(ecrLifecycle, image, "policy", "imageCountMoreThan", "sinceImagePushed")),
			breaks(image, set(ecrLifecycle, image, `{"rules":[]}`, "policy")),
		},
		"image-encryption": {
			breaks(image, drop(ecrRepository, image, "encryptionConfigurations")),
			breaks(image, drop(ecrRepository, image, "encryptionConfigurations", 0, "kmsKey")),
		},
		"repository-private": {breaks(image, add(ecrPolicy, "public", map[string]any{
			"policy": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`}, nil))},
		"images-retained": {breaks(image, with(dockerImage, image, func(r *graph.Resource) { r.RetainOnDelete = false }))},

		"file-system-encrypted": {breaks("fargate-files", drop(fileSystem, "fargate-files", "encrypted")),
			breaks("fargate-files", drop(fileSystem, "fargate-files", "kmsKeyId"))},
		"access-point-directory": {breaks("fargate-files", set(accessPoint, "fargate-files", "/", "rootDirectory", "path"))},
		"access-point-user":      {breaks("fargate-files", set(accessPoint, "fargate-files", 0, "posixUser", "uid"))},
		"file-system-tls": {
			breaks(agent, set(ecsTask, agent, "DISABLED", "volumes", 0, "efsVolumeConfiguration", "transitEncryption")),
			breaks(agent, set(ecsTask, agent, "DISABLED", "volumes", 0, "efsVolumeConfiguration", "authorizationConfig", "iam")),
		},
		"file-system-backup": {mends("fargate-files",
			add(backupSelection, "all", nil, map[string]string{"resources": fileSystem + "::fargate-files"}))},
		"file-system-policy": {
			breaks("fargate-files", remove(fileSystemPolicy, "fargate-files")),
			breaks("fargate-files", replace(fileSystemPolicy, "fargate-files", "policy", `"false"`, `"true"`)),
		},
	}
}

func logCases() map[string][]example {
	const policy, key = "alerts-policy", "alerts-key"
	return map[string][]example{
		"key-rotation": {breaks("storage-data", set(kmsKey, "storage-data", false, "enableKeyRotation"))},
		"key-enabled":  {breaks("storage-data", set(kmsKey, "storage-data", false, "isEnabled"))},
		"key-policy": {
			breaks("storage-data", drop(kmsKey, "storage-data", "policy")),
			breaks("storage-data", replace(kmsKey, "storage-data", "policy", "arn:aws:iam::123456789012:root", "*")),
			breaks(key, replace(kmsKey, key, "policy", "kms:CallerAccount", "aws:PrincipalOrgID")),
		},
		"key-deletion-window": {breaks(key, set(kmsKey, key, 7, "deletionWindowInDays"))},
		"key-protected":       {breaks("storage-logs", with(kmsKey, "storage-logs", func(r *graph.Resource) { r.Protect = false }))},
		"key-without-service-linked-roles": {breaks("storage-data",
			replace(kmsKey, "storage-data", "policy", ":root", ":role/aws-service-role/autoscaling.amazonaws.com/X"))},

		"log-encrypted": {
			breaks("fargate-logs", drop(logGroup, "fargate-logs", "kmsKeyId")),
			breaks("fargate-logs", replace(kmsKey, "storage-logs", "policy", "logs.us-east-1", "logz.us-east-1")),
		},
		"log-retention": {breaks("fargate-logs", drop(logGroup, "fargate-logs", "retentionInDays"))},
		"log-year":      {breaks("fargate-logs", set(logGroup, "fargate-logs", 180, "retentionInDays"))},
		"alarm-acts": {
			breaks("monitoring-backend-cpu", drop(metricAlarm, "monitoring-backend-cpu", "alarmActions")),
			breaks("monitoring-backend-cpu", drop(metricAlarm, "monitoring-backend-cpu", "treatMissingData")),
			breaks("monitoring-backend-cpu", set(metricAlarm, "monitoring-backend-cpu", false, "actionsEnabled")),
		},
		"alarm-tells":   {breaks("monitoring-backend-cpu", drop(metricAlarm, "monitoring-backend-cpu", "okActions"))},
		"alarm-runbook": {breaks("monitoring-backend-cpu", set(metricAlarm, "monitoring-backend-cpu", "Hot", "alarmDescription"))},
		"topic-key": {
			breaks("alerts-topic", set(topic, "alerts-topic", "alias/aws/sns", "kmsMasterKeyId")),
			breaks("alerts-topic", replace(kmsKey, key, "policy", `"cloudwatch.amazonaws.com"`, `"other.amazonaws.com"`)),
		},
		"topic-policy": {
			{subject: "alerts-topic", dev: true, change: replace(topicPolicy, policy, "policy", `"false"`, `"true"`)},
			{subject: "alerts-topic", dev: true, change: replace(topicPolicy, policy, "policy", "cloudwatch.amazonaws.com", "other.amazonaws.com")},
			{subject: "alerts-topic", dev: true, change: replace(topicPolicy, policy, "policy", "aws:SourceAccount", "aws:SourceOrgID")},
		},
		"budget-notifies": {breaks("monitoring-budget", set(budget, "monitoring-budget", []any{}, "notifications"))},
	}
}

func permissionCases() map[string][]example {
	const service, role = "compute-service", "compute-instance"
	return map[string][]example{
		"no-wildcards": {breaks("compute-service#Bucket", replaceIn(service, `"s3:ListBucket"`, `"s3:List*"`))},
		"no-broad-actions": {breaks(service, replaceIn(service, `"s3:ListBucket"`, `"s3:*"`)),
			breaks(service, replaceIn(service, `"s3:ListBucket"`, `"*"`))},
		"no-any-resource": {breaks(service, replaceIn(service, `"Resource":["arn:aws:s3:::storage-data"]`, `"Resource":["*"]`))},
		"no-escalation": {
			breaks(service, replaceIn(service, `"Resource":["arn:aws:s3:::storage-data"]`, `"Resource":["*"]`)),
			breaks("compute-host", replaceIn("compute-host", "ecr:GetAuthorizationToken", "iam:CreateAccessKey")),
		},
		"no-any-key": {breaks(service, replaceIn(service, `"Resource":["arn:aws:kms:us-east-1:123456789012:key/`,
			`"Resource":["arn:aws:kms:us-east-1:123456789012:key/*","`))},
		"pass-role": {breaks(service, replaceIn(service, `"s3:GetObject"`, `"iam:PassRole"`))},
		"no-managed-policies": {breaks("fargate-task", set(rolePolicyAttachment, "fargate-task", "arn:aws:iam::aws:policy/AdministratorAccess",
			"policyArn"))},
		"no-administrator": {
			breaks("fargate-task", set(rolePolicyAttachment, "fargate-task", "arn:aws:iam::aws:policy/AdministratorAccess", "policyArn")),
			breaks("fargate-task", set(rolePolicyAttachment, "fargate-task", "arn:aws:iam::aws:policy/IAMFullAccess", "policyArn")),
		},
		"no-inline-policies": {
			breaks(role, set(iamRole, role, []any{map[string]any{"policy": "{}"}}, "inlinePolicies")),
			breaks(role, add(iamRolePolicy, "inline", nil, map[string]string{"role": iamRole + "::" + role})),
		},
		"no-role-policy-conflicts": {
			breaks(role, set(iamRole, role, []any{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "managedPolicyArns")),
			breaks(role, add(iamPolicyAttachment, "exclusive", nil, nil)),
		},
		"role-for-services": {
			breaks(role, set(iamRole, role, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`, "assumeRolePolicy")),
			breaks(role, replace(iamRole, role, "assumeRolePolicy", `"Service":["ec2.amazonaws.com"]`,
				`"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]`)),
		},
		"confused-deputy": {breaks("fargate-task", set(iamRole, "fargate-task",
			`{"Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, "assumeRolePolicy"))},
		"boundary-on-every-role": {breaks("fargate-task", set(iamRole, role, "arn:aws:iam::123456789012:policy/boundary",
			"permissionsBoundary"))},
		"role-in-use": {breaks("fargate-task", remove(rolePolicyAttachment, "fargate-task"))},
	}
}

func replaceIn(policy, from, to string) change { return replace(iamPolicy, policy, "policy", from, to) }

func guardCases() map[string][]example {
	const acl, account, watch = "monitoring-web-acl", "monitoring", "monitoring-detector"
	// rule changes the web ACL's rule of a name.
	rule := func(name string, f func(map[string]any)) example {
		return breaks(acl, with(webACL, acl, func(r *graph.Resource) {
			for _, rule := range r.Inputs["rules"].([]any) {
				if at(rule, "name") == name {
					f(rule.(map[string]any))
				}
			}
		}))
	}
	override := func(action string) func(map[string]any) {
		return func(r map[string]any) { r["overrideAction"] = map[string]any{action: map[string]any{}} }
	}
	unmeasured := func(r map[string]any) { r["visibilityConfig"].(map[string]any)["cloudwatchMetricsEnabled"] = false }
	strict := func(r map[string]any) {
		delete(r["statement"].(map[string]any)["managedRuleGroupStatement"].(map[string]any), "ruleActionOverrides")
	}
	return map[string][]example{
		"web-acl-rules":      {rule("AWSManagedRulesCommonRuleSet", override("count"))},
		"web-acl-log4j":      {rule("AWSManagedRulesKnownBadInputsRuleSet", override("count"))},
		"web-acl-anonymous":  {rule("AWSManagedRulesAnonymousIpList", override("none"))},
		"web-acl-body-size":  {rule("AWSManagedRulesCommonRuleSet", strict)},
		"web-acl-query-size": {rule("AWSManagedRulesCommonRuleSet", strict)},
		"web-acl-extensions": {rule("AWSManagedRulesCommonRuleSet", strict)},
		"web-acl-reports":    {rule("AWSManagedRulesCommonRuleSet", strict)},
		"web-acl-rate": {
			rule("RateLimit", func(r map[string]any) { r["action"] = map[string]any{"count": map[string]any{}} }),
			rule("RateLimit", func(r map[string]any) { delete(r, "statement") }),
		},
		"web-acl-acts":    {rule("AWSManagedRulesCommonRuleSet", func(r map[string]any) { delete(r, "overrideAction") })},
		"web-acl-metrics": {rule("AWSManagedRulesCommonRuleSet", unmeasured)},
		"web-acl-log": {
			breaks(acl, remove(webACLLogging, "monitoring-web-acl-logging")),
			breaks(acl, drop(webACLLogging, "monitoring-web-acl-logging", "redactedFields")),
			breaks(acl, set(logGroup, "monitoring-web-acl-log", "waf", "name")),
		},
		"guardduty":     {{subject: account, change: remove(detector, watch), excused: true}},
		"guardduty-on":  {breaks(watch, set(detector, watch, false, "enable"))},
		"guardduty-rds": {breaks(watch, set(detectorFeature, watch+"-rds", "DISABLED", "status"))},
		"guardduty-s3":  {breaks(watch, remove(detectorFeature, watch+"-s3"))},
		"guardduty-ecs": {mends(watch, add(detectorFeature, "runtime", map[string]any{"name": "RUNTIME_MONITORING", "status": "ENABLED"},
			map[string]string{"detectorId": detector + "::" + watch}))},
		"config":    {{subject: account, change: remove(configRecorder, "monitoring-config-recorder"), excused: true}},
		"inspector": {{subject: account, change: remove(inspector, "monitoring-inspector"), excused: true}},
		"config-records-all": {
			breaks("monitoring-config-recorder", set(configRecorder, "monitoring-config-recorder", false, "recordingGroup", "allSupported")),
			breaks("monitoring-config-recorder", remove(configStatus, "monitoring-config-status")),
			breaks("monitoring-config-recorder", without(configStatus, "monitoring-config-status", configChannel+"::monitoring-config-channel")),
		},
		"inspector-types": {breaks("monitoring-inspector", set(inspector, "monitoring-inspector", []any{"EC2"}, "resourceTypes"))},
	}
}
