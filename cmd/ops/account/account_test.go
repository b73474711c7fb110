package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
	"scalable-backend/cmd/ops/stack"
)

func load(t *testing.T, b *opstest.Bench, config string) *stack.Stack {
	t.Helper()
	dir := opstest.Project(t, "Pulumi.yaml", "name: p\n", "Pulumi.prod.yaml", config)
	s, err := (&stack.Source{Name: "prod", Dir: dir}).Files(t.Context(), b.Env)
	require.NoError(t, err)
	return s
}

func TestOpen(t *testing.T) {
	t.Parallel()
	b := opstest.NewBench(t, opstest.NewAWS(t))
	var profiles []string
	wrapped := b.AWS
	b.AWS = func(ctx context.Context, region, profile string) (aws.Config, error) {
		profiles = append(profiles, profile)
		return wrapped(ctx, region, profile)
	}
	s := load(t, b, "config:\n  aws:region: eu-central-1\n  aws:profile: work\n  aws:allowedAccountIds: ['111122223333']\n")
	a, err := account.Open(t.Context(), b.Env, s)
	require.NoError(t, err)
	require.Equal(t, []string{"111122223333", "eu-central-1", "aws"}, []string{a.ID, a.Region, a.Partition})
	b.Variables["AWS_PROFILE"] = "mine"
	_, err = account.Open(t.Context(), b.Env, s)
	require.NoError(t, err)
	require.Equal(t, []string{"work", ""}, profiles, "the caller's own choice wins")

	_, err = account.Open(t.Context(), b.Env, load(t, b, "config:\n  aws:region: eu-central-1\n  aws:allowedAccountIds: ['210987654321']\n"))
	require.EqualError(t, err, "the credentials are of account 111122223333 (arn:aws:sts::111122223333:assumed-role/deploy/ci), "+
		"and the stack prod is in 210987654321: choose others with AWS_PROFILE")
}

func TestCredentialsThatEnded(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"ExpiredToken":          "the AWS credentials have expired: get new ones",
		"ExpiredTokenException": "the AWS credentials have expired: get new ones",
		"RequestExpired":        "the AWS credentials have expired: get new ones",
		"InvalidClientTokenId":  "there are no valid AWS credentials",
		"Throttling":            "AWS takes no more requests for now",
	} {
		a := opstest.NewAWS(t)
		a.On("GetCallerIdentity", opstest.Answer{Code: code, Message: "it said so", Status: 403})
		b := opstest.NewBench(t, a)
		_, err := account.Open(t.Context(), b.Env, load(t, b, "config:\n  aws:region: eu-central-1\n"))
		require.ErrorContains(t, err, want, code)
		require.ErrorContains(t, err, "(sts:GetCallerIdentity: "+code+": it said so)")
		require.Equal(t, command.Unfinished, command.Status(err), code)
	}
}

func TestNetworkLoss(t *testing.T) {
	t.Parallel()
	a := opstest.NewAWS(t)
	a.On("GetCallerIdentity", opstest.Answer{Drop: true})
	b := opstest.NewBench(t, a)
	s := load(t, b, "config:\n  aws:region: eu-central-1\n")
	_, err := account.Open(t.Context(), b.Env, s)
	require.ErrorContains(t, err, "AWS cannot be reached: look at the network and run it again (sts:GetCallerIdentity: ")
	require.Equal(t, command.Unfinished, command.Status(err))

	gone := httptest.NewServer(nil)
	gone.Close()
	wrapped := b.AWS
	b.AWS = func(ctx context.Context, region, profile string) (aws.Config, error) {
		c, err := wrapped(ctx, region, profile)
		c.BaseEndpoint = aws.String(gone.URL)
		return c, err
	}
	_, err = account.Open(t.Context(), b.Env, s)
	require.ErrorContains(t, err, "connection refused)")
	require.Equal(t, command.Unfinished, command.Status(err))
}

// Texts of the SDK and of public reports about it: these errors have no code.
func TestKindOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]account.Kind{
		"get identity: get credentials: failed to refresh cached credentials, refresh cached SSO token failed, " +
			"unable to refresh SSO token, operation error SSO OIDC: CreateToken": account.Ended,
		"failed to refresh cached credentials, the SSO session has expired or is invalid: expired at 2026-01-01": account.Ended,
		"get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds": account.Missing,
		"failed to get shared config profile, nope":                                                              account.Missing,
		"anything else": account.Refused,
	} {
		require.Equal(t, want, account.KindOf(errors.New(text)), text)
	}
	denied := &smithy.OperationError{ServiceID: "Auto Scaling", OperationName: "DescribeX",
		Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}}
	require.Equal(t, account.Denied, account.KindOf(denied))
	require.EqualError(t, account.Explain(denied), "the caller may not do this: docs/ops.md lists the permissions of each command "+
		"(autoscaling:DescribeX: AccessDenied: not authorized)")
	require.NoError(t, account.Explain(nil))
	kept := command.With(command.Failed, errors.New("x"))
	require.Equal(t, kept, account.Explain(kept))
	require.Equal(t, account.Stopped, account.KindOf(context.Canceled))
	require.Equal(t, account.Network, account.KindOf(fmt.Errorf("waiting: %w", context.DeadlineExceeded)), "no answer in time")
}
