package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/stack"
)

// subject is what the checks look at.
type subject struct {
	env     *command.Env
	stack   *stack.Stack
	timeout time.Duration

	plan  *plan  // what the program registers; nil when its configuration is invalid
	state *state // what Pulumi says there is; nil when it cannot be read

	aws     *aws.Config // nil without valid credentials
	account string
}

// check is one line of the table of checks, or several lines of the same subject.
type check struct {
	name string
	// needs says what else the check cannot do without.
	needs need
	run   func(ctx context.Context, s *subject) ([]Finding, error)
}

type need int

const (
	nothing need = 0
	thePlan need = 1 << (iota - 1)
	credentials
)

// checks is the table, in the order in which they are printed. Credentials, account and configuration come before it.
var checks = []check{
	{"region", credentials, checkRegion},
	{"pulumi", nothing, checkPulumi},
	{"state", nothing, checkBackend},
	{"docker", thePlan, checkDocker},
	{"zones", credentials | thePlan, checkZones},
	{"instance type", credentials | thePlan, checkInstanceType},
	{"database class", credentials | thePlan, checkDatabaseClass},
	{"quotas", credentials | thePlan, checkQuotas},
	{"api logging role", credentials | thePlan, checkLoggingRole},
	{"guardduty", credentials | thePlan, checkGuardDuty},
	{"aws config", credentials | thePlan, checkRecorder},
	{"inspector", credentials | thePlan, checkInspector},
	{"certificate", credentials | thePlan, checkCertificate},
	{"hosted zone", credentials | thePlan, checkHostedZone},
	{"alert mails", credentials | thePlan, checkMails},
	{"cost tag", credentials | thePlan, checkCostTag},
	{"machine image", credentials | thePlan, checkMachineImage},
	{"images", credentials, checkImages},
	{"secrets", credentials, checkSecrets},
}

// all starts every check at once and returns their findings in the order of the table.
func (s *subject) all(ctx context.Context, checks []check) []<-chan []Finding {
	var out []<-chan []Finding
	for _, c := range checks {
		found := make(chan []Finding, 1)
		out = append(out, found)
		go func() { found <- s.one(ctx, c) }()
	}
	return out
}

// one runs a check within its time. What does not end is left behind: an AWS client gives up with the context, a program is killed.
func (s *subject) one(ctx context.Context, c check) []Finding {
	for _, missing := range []struct {
		lacking bool
		what    string
	}{
		{c.needs&credentials != 0 && s.aws == nil, "there are no valid credentials"},
		{c.needs&thePlan != 0 && s.plan == nil, "the stack cannot be planned"},
	} {
		if missing.lacking {
			return named(c.name, warn("", "not checked: %s", missing.what))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		findings, err := c.run(ctx, s)
		if err != nil {
			findings = append(findings, unchecked(err))
		}
		done <- findings
	}()
	select {
	case findings := <-done:
		if ctx.Err() != nil && len(findings) > 0 && findings[len(findings)-1].Status == Warn {
			findings[len(findings)-1] = s.tooSlow()
		}
		return named(c.name, findings...)
	case <-ctx.Done():
		return named(c.name, s.tooSlow())
	}
}

func (s *subject) tooSlow() Finding {
	return warn("run doctor again, with a longer -timeout", "not checked: no answer within %s", s.timeout)
}

// named gives findings their check's name, unless they have one of their own.
func named(name string, findings ...Finding) []Finding {
	for i := range findings {
		if findings[i].Check == "" {
			findings[i].Check = name
		}
	}
	return findings
}

// unchecked is the finding of a check that got no answer.
func unchecked(err error) Finding {
	text := account.Explain(err).Error()
	switch account.KindOf(err) {
	case account.Denied:
		return warn("let the caller do that, or check it by hand", "not checked: needs %s", action(err))
	case account.Throttled:
		return warn("run doctor again", "not checked: AWS takes no more requests for now")
	case account.Ended:
		return warn("get new credentials, and run doctor again", "not checked: the credentials ended")
	case account.Network, account.Stopped:
		return warn("run doctor again", "not checked: %s", text)
	case account.Missing, account.Refused:
	}
	if code(err) == "OptInRequired" {
		return fail("finish the account's registration (payment, phone), or enable the service or region in the console",
			"the account is not signed up for this: %s", message(err))
	}
	return warn("", "not checked: %s", text)
}

// action is the IAM action that an operation needs.
func action(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return "a permission: " + message(err)
	}
	service := strings.ToLower(strings.ReplaceAll(operation.ServiceID, " ", ""))
	switch service {
	case "apigateway":
		return "apigateway:GET" // its actions are HTTP methods
	case "configservice":
		service = "config"
	case "costexplorer":
		service = "ce"
	}
	return service + ":" + operation.OperationName
}

// code is an error's code in AWS's API, "" if it has none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func message(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err.Error()
}
