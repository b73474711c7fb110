// Package account opens AWS for a stack: with the right region, and only in the account that the stack is in.
package account

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/stack"
)

// Account is AWS as the caller's credentials see it.
type Account struct {
	Config    aws.Config // every client of the SDK is made from it
	ID        string     // the twelve digits
	ARN       string     // who calls
	Region    string
	Partition string // aws, aws-cn or aws-us-gov
}

// Open reads the caller's credentials, as the SDK finds them (AWS_PROFILE, the stack's aws:profile, ...), and refuses another account than
// the stack's.
func Open(ctx context.Context, env *command.Env, s *stack.Stack) (*Account, error) {
	return OpenProfile(ctx, env, s, "")
}

// OpenProfile is Open with a profile that a flag names; "": none does.
func OpenProfile(ctx context.Context, env *command.Env, s *stack.Stack, profile string) (*Account, error) {
	region, err := s.Region()
	if err != nil {
		return nil, err
	}
	if profile == "" && env.Getenv("AWS_PROFILE") == "" && env.Getenv("AWS_ACCESS_KEY_ID") == "" {
		profile = s.Config("aws:profile")
	}
	config, err := env.AWS(ctx, region, profile)
	if err != nil {
		return nil, Explain(fmt.Errorf("reading the AWS configuration: %w", err))
	}
	who, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, Explain(err)
	}
	a := &Account{Config: config, ID: aws.ToString(who.Account), ARN: aws.ToString(who.Arn), Region: region}
	if parsed, err := arn.Parse(a.ARN); err == nil {
		a.Partition = parsed.Partition
	}
	if wanted := s.Accounts(); len(wanted) > 0 && !slices.Contains(wanted, a.ID) {
		return nil, fmt.Errorf("the credentials are of account %s (%s), and the stack %s is in %s: choose others with AWS_PROFILE",
			a.ID, a.ARN, s.Name, strings.Join(wanted, " or "))
	}
	return a, nil
}
