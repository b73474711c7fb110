package proof

import (
	"slices"
	"strings"

	"scalable-backend/internal/authz"
)

const otherAccount = "999988887777"

// refusals returns calls that must be refused, each as similar as possible to one that is allowed.
func (w *world) refusals(p iamFixture) []call {
	return slices.Concat(w.agentRefusals(p), w.backendRefusals(p), w.bucketRefusals(p), w.serviceRefusals(p), w.trustRefusals(p))
}

// forActions returns the call once for each action.
func forActions(c call, actions ...string) []call {
	var calls []call
	for _, action := range actions {
		c.action = action
		calls = append(calls, c)
	}
	return calls
}

// agentRefusals: with a stolen agent role, one can work on jobs but do nothing else.
func (w *world) agentRefusals(p iamFixture) []call {
	var calls []call
	through := map[string]string{"kms:ViaService": "s3." + w.region + ".amazonaws.com"}
	for _, who := range []authz.Principal{p.agent, p.execution} {
		calls = append(calls, forActions(call{who: who, resource: p.bucket + file, inside: true, why: "agents use presigned URLs"},
			"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObjectVersion")...)
		calls = append(calls, call{who: who, action: "s3:ListBucket", resource: p.bucket, inside: true, why: "agents use presigned URLs"})
		for _, secret := range []string{p.databaseSecret, p.adminToken, otherSecret} {
			calls = append(calls, call{who: who, action: "secretsmanager:GetSecretValue", resource: secret, why: "agents read no secrets"})
		}
		calls = append(calls, call{who: who, action: "kms:Decrypt", resource: p.dataKey, context: through, why: "agents use no KMS key"},
			call{who: who, action: "cloudwatch:PutMetricData", resource: "*", context: map[string]string{"cloudwatch:namespace": p.metricsNamespace},
				why: "agents write no metrics"},
			call{who: who, action: "sns:Publish", resource: p.topic, why: "agents publish no notifications"},
			call{who: who, action: "ecr:BatchGetImage", resource: p.backendImages, why: "agents do not pull the backend's image"},
			call{who: who, action: "logs:PutLogEvents", resource: w.local("logs", "log-group:"+p.backendLogs+stream),
				why: "agents do not write to the backend's logs"})
	}
	calls = append(calls, call{who: p.agent, action: "logs:PutLogEvents", resource: w.local("logs", "log-group:"+p.agentLogs+stream),
		why: "the execution role writes the agent's logs"},
		call{who: p.agent, action: "ecr:GetAuthorizationToken", resource: "*", why: "the execution role pulls the agent's image"})
	called := agentOperations(w.t)
	for _, o := range w.gatewayOperations() {
		calls = append(calls, p.invoke(p.execution, o), p.invoke(p.backend, o))
		other := p.invoke(p.agent, o)
		if !slices.Contains(called, o.ID) {
			calls = append(calls, other)
		}
		other.why += ", of another API"
		other.resource = strings.Replace(p.executionARN, ":api-rest/", ":other/", 1) + strings.TrimPrefix(other.resource, p.executionARN)
		calls = append(calls, other)
	}
	for _, path := range []string{"POST/v1/tokens", "GET/v1/tokens", "DELETE/v1/tokens/1", "GET/", "POST/v1/leases/1/source",
		"GET/v1/leases/1/source/more"} {
		calls = append(calls, call{who: p.agent, action: "execute-api:Invoke", resource: p.executionARN + "/" + path, why: "no method of agents"})
	}
	return append(calls, w.fileSystemRefusals(p)...)
}

func (w *world) fileSystemRefusals(p iamFixture) []call {
	var calls []call
	for _, r := range w.g.OfType("aws:efs/fileSystem:FileSystem") {
		point := w.arn(only(w.t, w.g, "aws:efs/accessPoint:AccessPoint"))
		context := func(point, tls string) map[string]string {
			return map[string]string{"elasticfilesystem:AccessPointArn": point, "elasticfilesystem:AccessedViaMountTarget": "true",
				"aws:SecureTransport": tls}
		}
		mount := call{who: p.agent, action: "elasticfilesystem:ClientMount", resource: w.arn(r)}
		for why, keys := range map[string]map[string]string{
			"without TLS": context(point, "false"), "through another access point": context(point+"x", "true"),
			"without an access point": {"elasticfilesystem:AccessedViaMountTarget": "true"},
		} {
			mount.context, mount.why = keys, "mount "+why
			calls = append(calls, mount)
		}
		mount.context, mount.why = context(point, "true"), "as root"
		calls = append(calls, forActions(mount, "elasticfilesystem:ClientRootAccess", "elasticfilesystem:DeleteFileSystem")...)
		mount.who, mount.why = authz.Anonymous(), "anonymous mount"
		calls = append(calls, forActions(mount, "elasticfilesystem:ClientMount")...)
	}
	return calls
}

func (w *world) backendRefusals(p iamFixture) []call {
	who := p.backend
	calls := forActions(call{who: who, resource: p.bucket, inside: true, why: "the backend does not configure the bucket"},
		"s3:DeleteBucket", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration",
		"s3:PutBucketPublicAccessBlock")
	calls = append(calls, forActions(call{who: who, resource: p.bucket + file, inside: true, why: "the backend does not make this call"},
		"s3:DeleteObject", "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:BypassGovernanceRetention")...)
	for _, bucket := range []string{p.logBucket, "arn:aws:s3:::another"} {
		calls = append(calls, forActions(call{who: who, resource: bucket + "/x", why: "another bucket"}, "s3:GetObject", "s3:PutObject")...)
	}
	for _, name := range []string{"another", "compute-admin-token", "database-credentials-copy"} {
		calls = append(calls,
			call{who: who, action: "secretsmanager:GetSecretValue", resource: w.local("secretsmanager", "secret:"+name+"-ZZZZZZ"),
				why: "another secret"})
	}
	calls = append(calls, forActions(call{who: who, resource: p.databaseSecret, why: "the backend does not manage secrets"},
		"secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret")...)
	via := func(service string) map[string]string {
		return map[string]string{"kms:ViaService": service + "." + w.region + ".amazonaws.com"}
	}
	calls = append(calls, call{who: who, action: "kms:Decrypt", resource: p.dataKey, why: "direct use of the key"},
		call{who: who, action: "kms:Decrypt", resource: p.dataKey, context: via("rds"), why: "the key through another service"},
		call{who: who, action: "kms:Decrypt", resource: p.dataKey, context: map[string]string{"kms:ViaService": "s3.mars-1.amazonaws.com"},
			why: "the key in another region"},
		call{who: who, action: "kms:Decrypt", resource: p.topicKey, context: via("s3"), why: "another key"})
	calls = append(calls, forActions(call{who: who, resource: p.dataKey, context: via("s3"), why: "the backend does not manage keys"},
		"kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:DisableKey", "kms:CreateGrant", "kms:DescribeKey")...)
	calls = append(calls, call{who: who, action: "cloudwatch:PutMetricData", resource: "*", why: "another namespace",
		context: map[string]string{"cloudwatch:namespace": "Another"}},
		call{who: who, action: "cloudwatch:PutMetricData", resource: "*", why: "no namespace"},
		call{who: who, action: "logs:PutLogEvents", resource: w.local("logs", "log-group:"+p.agentLogs+stream), why: "other logs"},
		call{who: who, action: "ecr:BatchGetImage", resource: p.agentImages, why: "another image"})
	calls = append(calls, forActions(call{who: who, resource: w.local("logs", "log-group:"+p.backendLogs+stream), why: "it only writes logs"},
		"logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy", "logs:CreateLogGroup", "logs:GetLogEvents")...)
	calls = append(calls, forActions(call{who: who, resource: p.backendImages, why: "the backend does not manage images"}, "ecr:PutImage",
		"ecr:BatchDeleteImage")...)
	return append(calls, forActions(call{who: who, resource: "*", why: "the backend does not make this call"},
		"iam:PassRole", "ec2:RunInstances", "ec2:DescribeTags", "ssm:SendCommand", "rds:DeleteDBInstance", "autoscaling:SetDesiredCapacity")...)
}

// bucketRefusals: plain HTTP, other accounts and anonymous callers are refused, whatever their own policies allow.
func (w *world) bucketRefusals(p iamFixture) []call {
	var calls []call
	plain := map[string]string{"aws:SecureTransport": "false"}
	anyone := authz.Role(w.local("iam", "role/administrator"))
	foreigner := authz.Role("arn:aws:iam::" + otherAccount + ":role/administrator")
	for _, r := range w.g.OfType("aws:s3/bucketPolicy:BucketPolicy") {
		bucket := w.protected(r)
		calls = append(calls, forActions(call{who: anyone, admin: true, resource: bucket + "/x", context: plain, why: "plain HTTP"},
			"s3:GetObject", "s3:PutObject")...)
		calls = append(calls, call{who: anyone, admin: true, action: "s3:ListBucket", resource: bucket, context: plain, why: "plain HTTP"})
		for _, who := range []authz.Principal{foreigner, authz.Anonymous()} {
			calls = append(calls, forActions(call{who: who, admin: true, resource: bucket + "/x", why: "caller of another account"}, "s3:GetObject",
				"s3:PutObject")...)
		}
	}
	calls = append(calls, call{who: anyone, admin: true, action: "s3:PutObject", resource: "arn:aws:s3:::another/x", inside: true,
		why: "another bucket, from inside"},
		call{who: foreigner, admin: true, action: "logs:PutLogEvents", resource: "arn:aws:logs:" + w.region + ":" + otherAccount +
			":log-group:x:log-stream:x", inside: len(w.endpoint) > 1, why: "another account's credentials, from inside"},
		call{who: anyone, admin: true, action: "s3:PutObject", resource: "arn:aws:s3:::al2023-repos-" + w.region + "-de612dc2/x", inside: true,
			why: "write to a package bucket of AWS"})
	for _, r := range w.g.OfType("aws:kms/key:Key") {
		calls = append(calls, forActions(call{who: foreigner, admin: true, resource: w.arn(r), why: "caller of another account"}, "kms:Decrypt",
			"kms:PutKeyPolicy")...)
	}
	calls = append(calls, call{who: foreigner, admin: true, action: "sns:Publish", resource: p.topic, why: "caller of another account"},
		call{who: anyone, admin: true, action: "sns:Publish", resource: p.topic, context: plain, why: "plain HTTP"})
	return calls
}

// serviceRefusals: a service that acts for another account or resource is refused, and so is a service without a need.
func (w *world) serviceRefusals(p iamFixture) []call {
	var calls []call
	topic := func(service string, context map[string]string, why string) {
		calls = append(calls, call{who: authz.Service(service), action: "sns:Publish", resource: p.topic, context: context, why: why},
			call{who: authz.Service(service), action: "kms:GenerateDataKey", resource: p.topicKey, context: context, why: why})
	}
	for _, service := range []string{"cloudwatch.amazonaws.com", "budgets.amazonaws.com", "events.rds.amazonaws.com"} {
		topic(service, onBehalfOf(otherAccount, "arn:aws:cloudwatch:"+w.region+":"+otherAccount+":alarm:x"), "another account's publisher")
		topic(service, nil, "publisher without a source account")
	}
	topic("s3.amazonaws.com", onBehalfOf(w.account, p.bucket), "service that does not publish")
	if len(w.g.OfType("aws:cloudwatch/eventTarget:EventTarget")) == 0 {
		topic("events.amazonaws.com", nil, "EventBridge without a target in this stack")
	}
	for _, context := range []map[string]string{onBehalfOf(otherAccount, p.bucket), onBehalfOf(w.account, "arn:aws:s3:::another")} {
		calls = append(calls, call{who: authz.Service("logging.s3.amazonaws.com"), action: "s3:PutObject", resource: p.logBucket + "/s3/x",
			context: context, why: "logs of another bucket"})
	}
	delivery := authz.Service("logdelivery.elasticloadbalancing.amazonaws.com")
	own := onBehalfOf(w.account, p.bucket)
	calls = append(calls,
		call{who: authz.Service("logging.s3.amazonaws.com"), action: "s3:PutObject", resource: p.logBucket + "/alb/x", context: own,
			why: "outside its prefix"},
		call{who: authz.Service("logging.s3.amazonaws.com"), action: "s3:PutObject", resource: p.bucket + "/s3/x", context: own,
			why: "access log in the data bucket"},
		call{who: delivery, action: "s3:PutObject", resource: p.logBucket + "/alb/AWSLogs/" + otherAccount + "/x",
			why: "another account's load balancer"},
		call{who: delivery, action: "s3:PutObject", resource: p.logBucket + "/s3/x", why: "outside its prefix"},
		call{who: delivery, action: "s3:GetObject", resource: p.logBucket + "/alb/AWSLogs/" + w.account + "/x", why: "log delivery reads"})
	for _, r := range w.g.OfType("aws:cloudwatch/logGroup:LogGroup") {
		key, group := w.keyOf(r, "kmsKeyId"),
			map[string]string{"kms:EncryptionContext:aws:logs:arn": strings.Replace(w.arn(r), w.account, otherAccount, 1)}
		calls = append(calls, call{who: authz.Service("logs." + w.region + ".amazonaws.com"), action: "kms:Decrypt", resource: key,
			context: group, why: "another account's group"},
			call{who: authz.Service("logs.mars-1.amazonaws.com"), action: "kms:Decrypt", resource: key,
				context: map[string]string{"kms:EncryptionContext:aws:logs:arn": w.arn(r)}, why: "another region"})
		calls = append(calls, call{who: p.backend, action: "kms:Decrypt", resource: key, why: "the backend does not read encrypted logs",
			context: map[string]string{"kms:ViaService": "s3." + w.region + ".amazonaws.com"}})
	}
	return calls
}

// trustRefusals: a role cannot be assumed by another service, by a role or an anonymous caller, or for another account if the
// service sends the account.
func (w *world) trustRefusals(iamFixture) []call {
	var calls []call
	for _, allowed := range w.trusts() {
		for _, who := range []authz.Principal{
			authz.Service("lambda.amazonaws.com"), authz.Role(w.local("iam", "role/administrator")),
			authz.Role("arn:aws:iam::" + otherAccount + ":role/administrator"), authz.Anonymous(),
		} {
			calls = append(calls, call{who: who, admin: true, action: "sts:AssumeRole", resource: allowed.resource, context: allowed.context,
				why: "wrong caller: " + allowed.why})
		}
		if allowed.context != nil {
			calls = append(calls, call{who: allowed.who, action: "sts:AssumeRole", resource: allowed.resource,
				context: onBehalfOf(otherAccount, strings.Replace(allowed.context["aws:SourceArn"], w.account, otherAccount, 1)),
				why:     "for another account: " + allowed.why})
		}
	}
	return calls
}
