package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/policy"
)

const (
	ruleType       = "aws:cloudwatch/eventRule:EventRule"
	targetType     = "aws:cloudwatch/eventTarget:EventTarget"
	roleType       = "aws:iam/role:Role"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	bucketType     = "aws:s3/bucketV2:BucketV2"
	bucketPolicy   = "aws:s3/bucketPolicy:BucketPolicy"
)

// counts returns the expected number of resources of each type without the security services, plus more.
func counts(args *Args, more map[string]int) map[string]int {
	failures := len(rollouts(args))
	counts := map[string]int{alarmType: len(alarms(args)) + failures, ruleType: failures, dashboardType: 1, budgetType: 1}
	for token, n := range more {
		counts[token] += n
	}
	return counts
}

func TestWAF(t *testing.T) {
	args := testArgs()
	args.WAF = true
	g := record(t, args)
	g.RequireCounts(t, counts(args, map[string]int{webACLToken: 1, ipSetToken: 1, webACLLinkToken: 2, webACLLogToken: 1, logGroupType: 1}))
	acl := g.Find(t, webACLToken, "monitoring-web-acl")
	assert.Equal(t, "REGIONAL", acl.String(t, "scope"))
	assert.Equal(t, map[string]any{"allow": map[string]any{}}, acl.Inputs["defaultAction"])
	rate, _ := acl.Get("rules", 0)
	assert.Equal(t, map[string]any{
		"name": "RateLimit", "priority": 0.0,
		"action": map[string]any{"block": map[string]any{"customResponse": map[string]any{"responseCode": 429.0}}},
		"statement": map[string]any{"rateBasedStatement": map[string]any{
			"aggregateKeyType": "IP", "evaluationWindowSec": 300.0, "limit": 10000.0,
			"scopeDownStatement": map[string]any{"notStatement": map[string]any{"statements": []any{
				map[string]any{"ipSetReferenceStatement": map[string]any{"arn": acl.String(t,
					"rules", 0, "statement", "rateBasedStatement", "scopeDownStatement", "notStatement", "statements", 0, "ipSetReferenceStatement",
					"arn")}},
			}}},
		}},
		"visibilityConfig": map[string]any{"metricName": "RateLimit", "cloudwatchMetricsEnabled": true, "sampledRequestsEnabled": true},
	}, rate)
	own := g.Only(t, ipSetToken)
	assert.Equal(t, []any{"192.0.2.1/32", "192.0.2.2/32"}, own.Inputs["addresses"])
	assert.Equal(t, "IPV4", own.String(t, "ipAddressVersion"))
	assert.Equal(t, "REGIONAL", own.String(t, "scope"))
	assert.Contains(t, acl.DependsOn, own.Key())
	got := map[string]any{}
	for i := 1; i <= len(ruleGroups); i++ {
		name := acl.String(t, "rules", i, "statement", "managedRuleGroupStatement", "name")
		got[name], _ = acl.Get("rules", i, "overrideAction")
		assert.Equal(t, float64(i), acl.Number(t, "rules", i, "priority"))
		overrides, _ := acl.Get("rules", i, "statement", "managedRuleGroupStatement", "ruleActionOverrides")
		if name == "AWSManagedRulesCommonRuleSet" {
			counted := map[string]any{"count": map[string]any{}}
			assert.Equal(t, []any{
				map[string]any{"name": "SizeRestrictions_BODY", "actionToUse": counted},
				map[string]any{"name": "SizeRestrictions_QUERYSTRING", "actionToUse": counted},
				map[string]any{"name": "RestrictedExtensions_QUERYARGUMENTS", "actionToUse": counted},
				map[string]any{"name": "CrossSiteScripting_BODY", "actionToUse": counted},
				map[string]any{"name": "EC2MetaDataSSRF_BODY", "actionToUse": counted},
				map[string]any{"name": "GenericLFI_BODY", "actionToUse": counted},
				map[string]any{"name": "GenericRFI_BODY", "actionToUse": counted},
			}, overrides)
		} else {
			assert.Nil(t, overrides)
		}
	}
	none, count := map[string]any{"none": map[string]any{}}, map[string]any{"count": map[string]any{}}
	assert.Equal(t, map[string]any{
		"AWSManagedRulesAmazonIpReputationList": none, "AWSManagedRulesAnonymousIpList": count,
		"AWSManagedRulesCommonRuleSet": none, "AWSManagedRulesKnownBadInputsRuleSet": none,
	}, got)
	var targets []string
	for _, link := range g.OfType(webACLLinkToken) {
		targets = append(targets, link.String(t, "resourceArn"))
		assert.Regexp(t, "^arn:aws:wafv2:", link.String(t, "webAclArn"))
	}
	assert.ElementsMatch(t, []string{albARN, stageARN}, targets)
	group := g.Only(t, logGroupType)
	assert.Equal(t, "aws-waf-logs-scalable-backend-test", group.String(t, "name"))
	assert.Equal(t, logsKey, group.String(t, "kmsKeyId"))
	assert.Equal(t, "authorization", g.Only(t, webACLLogToken).String(t, "redactedFields", 0, "singleHeader", "name"))
}

func TestGuardDuty(t *testing.T) {
	args := testArgs()
	args.GuardDuty = true
	g := record(t, args)
	g.RequireCounts(t, counts(args, map[string]int{detectorToken: 1, featureToken: len(protections), ruleType: 1, targetType: 1}))
	assert.True(t, g.Only(t, detectorToken).Bool(t, "enable"))
	assert.JSONEq(t, `{"source":["aws.guardduty"],"detail-type":["GuardDuty Finding"],"detail":{"severity":[{"numeric":[">=",4]}]}}`,
		g.Find(t, ruleType, "monitoring-findings").String(t, "eventPattern"))
	target := g.Only(t, targetType)
	assert.Equal(t, topicARN, target.String(t, "arn"))
	// The mail is a sentence with the runbook's entry; every name in it is taken from the event.
	mail := target.String(t, "inputTransformer", "inputTemplate")
	var text string
	require.NoError(t, json.Unmarshal([]byte(mail), &text), "EventBridge takes a text in quotes, on one line")
	assert.True(t, strings.HasSuffix(text, " Runbook: docs/runbook.md#findings"), text)
	for _, name := range regexp.MustCompile(`<([a-z]+)>`).FindAllStringSubmatch(text, -1) {
		assert.Regexp(t, `^\$\.`, target.String(t, "inputTransformer", "inputPaths", name[1]))
	}
	for _, f := range g.OfType(featureToken) {
		assert.Equal(t, "ENABLED", f.String(t, "status"))
		assert.NotEmpty(t, f.String(t, "detectorId"))
	}
}

func TestConfig(t *testing.T) {
	args := testArgs()
	args.Config = true
	g := record(t, args)
	g.RequireCounts(t, counts(args, map[string]int{
		recorderToken: 1, channelToken: 1, statusToken: 1, roleType: 1, attachmentType: 1, bucketType: 1, bucketPolicy: 1,
		"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                     1,
		"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                     1,
		"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": 1,
		"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":                       1,
		"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               1,
	}))
	assert.Contains(t, g.Only(t, channelToken).DependsOn, recorderToken+"::monitoring-config-recorder")
	assert.Contains(t, g.Only(t, statusToken).DependsOn, channelToken+"::monitoring-config-channel")
	var document policy.Document
	require.NoError(t, json.Unmarshal([]byte(g.Only(t, bucketPolicy).String(t, "policy")), &document))
	var sids []string
	for _, s := range document.Statement {
		sids = append(sids, s.Sid)
	}
	assert.Equal(t, []string{"TLSOnly", "Check", "Deliver"}, sids)
	assert.Equal(t, []string{"s3:PutObject", "s3:PutObjectAcl"}, document.Statement[2].Action)
	for _, input := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
		assert.True(t, g.Only(t, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").Bool(t, input))
	}
}

func TestInspector(t *testing.T) {
	args := testArgs()
	args.Inspector = true
	g := record(t, args)
	g.RequireCounts(t, counts(args, map[string]int{enablerToken: 1}))
	assert.Equal(t, []any{"123456789012"}, g.Only(t, enablerToken).Inputs["accountIds"])
	assert.Equal(t, []any{"EC2", "ECR"}, g.Only(t, enablerToken).Inputs["resourceTypes"])
}

// Resources that are registered by their token must use the same provider version as those of the SDK.
func TestProviderVersion(t *testing.T) {
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(module), "github.com/pulumi/pulumi-aws/sdk/v6 v"+providerVersion+"\n"),
		"go.mod has another version than "+providerVersion)
}
