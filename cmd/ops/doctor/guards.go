package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	inspectortypes "github.com/aws/aws-sdk-go-v2/service/inspector2/types"
)

// What exists once in account and region. A second one cannot be made, and the update would end there.

const (
	loggingToken  = "aws:apigateway/account:Account"
	roleToken     = "aws:iam/role:Role"
	detectorToken = "aws:guardduty/detector:Detector"
	recorderToken = "aws:cfg/recorder:Recorder"
	enablerToken  = "aws:inspector2/enabler:Enabler"
)

// checkLoggingRole looks whose role API Gateway logs with. The setting is overwritten without a question, so two stacks that both manage it
// take it from each other; without any, a stage with logs cannot be made.
func checkLoggingRole(ctx context.Context, s *subject) ([]Finding, error) {
	found, err := apigateway.NewFromConfig(*s.aws).GetAccount(ctx, &apigateway.GetAccountInput{})
	if err != nil {
		return nil, err
	}
	role, manages := aws.ToString(found.CloudwatchRoleArn), s.plan.has(loggingToken)
	switch {
	case role == "" && manages:
		return []Finding{ok("none yet; the stack sets it")}, nil
	case role == "":
		return []Finding{fail("pulumi config set --path api.manageAccountLogging true",
			"API Gateway has no role to write logs with, and api.manageAccountLogging is false")}, nil
	case !manages:
		return []Finding{ok("%s, which the stack leaves alone", role)}, nil
	case s.state == nil:
		return []Finding{warn("see that it is this stack's: the update sets it to the stack's own", "%s; whose it is, Pulumi's state would say",
			role)}, nil
	case s.owns(role):
		return []Finding{ok("%s, the stack's own", role)}, nil
	}
	return []Finding{warn("pulumi config set --path api.manageAccountLogging false, unless the role is left over",
		"%s is not this stack's, and the update replaces it for every API of the region", role)}, nil
}

// owns tells whether a role, by its ARN, is one that the stack has made.
func (s *subject) owns(arn string) bool {
	return s.state.owns(roleToken, arn[strings.LastIndex(arn, "/")+1:])
}

// single is the finding about a guard that exists once.
func (s *subject) single(key string, wanted, exists, own bool, what string) Finding {
	switch {
	case !wanted && exists:
		return ok("%s; the stack leaves it alone", what)
	case !wanted:
		return ok("off, and not asked for")
	case !exists:
		return ok("none yet; the stack makes it")
	case own:
		return ok("%s, the stack's own", what)
	case s.state == nil:
		return warn("see that it is this stack's: a second one cannot be made", "%s; whose it is, Pulumi's state would say", what)
	}
	return fail("pulumi config set --path "+key+" false: a second one cannot be made", "%s exists already, and is not this stack's", what)
}

func checkGuardDuty(ctx context.Context, s *subject) ([]Finding, error) {
	var ids []string
	pages := guardduty.NewListDetectorsPaginator(guardduty.NewFromConfig(*s.aws), &guardduty.ListDetectorsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		ids = append(ids, page.DetectorIds...)
	}
	own := len(ids) > 0 && s.state.owns(detectorToken, ids[0])
	return []Finding{s.single("monitoring.guardDuty", s.plan.has(detectorToken), len(ids) > 0, own, "detector "+strings.Join(ids, ", "))}, nil
}

func checkRecorder(ctx context.Context, s *subject) ([]Finding, error) {
	found, err := configservice.NewFromConfig(*s.aws).DescribeConfigurationRecorders(ctx, &configservice.DescribeConfigurationRecordersInput{})
	if err != nil {
		return nil, err
	}
	what, own := "", false
	for _, recorder := range found.ConfigurationRecorders {
		if recorder.ServicePrincipal != nil {
			continue // recorders of other AWS services do not count
		}
		what = "recorder " + aws.ToString(recorder.Name)
		own = s.state.owns(recorderToken, aws.ToString(recorder.Name))
	}
	return []Finding{s.single("monitoring.awsConfig", s.plan.has(recorderToken), what != "", own, what)}, nil
}

func checkInspector(ctx context.Context, s *subject) ([]Finding, error) {
	found, err := inspector2.NewFromConfig(*s.aws).BatchGetAccountStatus(ctx,
		&inspector2.BatchGetAccountStatusInput{AccountIds: []string{s.account}})
	if err != nil {
		return nil, err
	}
	exists := false
	for _, a := range found.Accounts {
		if a.State != nil && a.State.Status != inspectortypes.StatusDisabled {
			exists = true
		}
	}
	return []Finding{s.single("monitoring.inspector", s.plan.has(enablerToken), exists, s.state.count(enablerToken) > 0, "Inspector")}, nil
}
