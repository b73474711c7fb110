package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"scalable-backend/cmd/ops/account"
)

// An update takes half an hour when it makes a database, and more when it replaces instances.
const updateTime = time.Hour

// sign looks at the credentials, and at the account that they are of: without them nothing can be asked of AWS.
func (s *subject) sign(ctx context.Context, out *printer) {
	region, err := s.stack.Region()
	if err != nil {
		out.add(named("credentials", fail("pulumi config set aws:region <region>", "not checked: %s", err)))
		return
	}
	profile := ""
	if s.env.Getenv("AWS_PROFILE") == "" && s.env.Getenv("AWS_ACCESS_KEY_ID") == "" {
		profile = s.stack.Config("aws:profile")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	config, err := s.env.AWS(ctx, region, profile)
	var who *sts.GetCallerIdentityOutput
	if err == nil {
		who, err = sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	}
	if err != nil {
		out.add(named("credentials", s.noCredentials(ctx, config, err)))
		return
	}
	s.aws, s.account = &config, aws.ToString(who.Account)
	out.add(named("credentials", s.caller(ctx, config, aws.ToString(who.Arn))))
	out.add(named("account", s.checkAccount()))
}

// noCredentials says why there are none. A region that is not enabled knows no credentials at all, and says the same of good ones as of
// wrong ones; the first region knows them.
func (s *subject) noCredentials(ctx context.Context, config aws.Config, err error) Finding {
	mend := "set AWS_PROFILE, or sign in (aws sso login), and run doctor again"
	switch kind := account.KindOf(err); {
	case kind == account.Ended:
		return fail("get new credentials (aws sso login, or as you got these), and run doctor again", "they have expired")
	case kind == account.Network, kind == account.Stopped:
		return fail("look at the network, and run doctor again", "AWS does not answer: %s", account.Explain(err))
	case kind == account.Missing && code(err) != "" && config.Region != "us-east-1":
		there := config.Copy()
		there.Region = "us-east-1"
		if who, err := sts.NewFromConfig(there).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			return fail("aws account enable-region --region-name "+config.Region+", which takes some minutes; or pulumi config set aws:region "+
				"<another>",
				"%s is valid, but not in %s: the region is not enabled in account %s", aws.ToString(who.Arn), config.Region, aws.ToString(who.Account))
		}
	}
	return fail(mend, "%s", account.Explain(err))
}

func (s *subject) caller(ctx context.Context, config aws.Config, arn string) Finding {
	if strings.HasSuffix(arn, ":root") {
		return warn("use a role or a user of IAM", "%s is the account's root user: it can do everything, and nothing bounds it", arn)
	}
	got, err := config.Credentials.Retrieve(ctx)
	if err != nil || !got.CanExpire {
		return ok("%s; they have no end", arn)
	}
	left := got.Expires.Sub(s.env.Now()).Round(time.Minute)
	when := fmt.Sprintf("%s; they end at %s, in %s", arn, got.Expires.UTC().Format("15:04 UTC"), strings.TrimSuffix(left.String(), "0s"))
	if left < updateTime {
		return warn("get new ones before pulumi up: an update that loses them on the way is to be repaired by hand", "%s", when)
	}
	return ok("%s", when)
}

func (s *subject) checkAccount() Finding {
	allowed := s.stack.List("aws:allowedAccountIds")
	switch {
	case len(allowed) == 0:
		return ok("%s; aws:allowedAccountIds is not set, so an update goes into any account", s.account)
	case slices.Contains(allowed, s.account):
		return ok("%s, as aws:allowedAccountIds says", s.account)
	}
	return fail("choose other credentials with AWS_PROFILE, or pulumi config set --path --type string 'aws:allowedAccountIds[0]' "+s.account,
		"the credentials are of %s, and aws:allowedAccountIds is %s", s.account, strings.Join(allowed, ", "))
}

// checkRegion asks whether the region exists and is enabled. The environment's own region may be another one: the program uses the stack's.
func checkRegion(ctx context.Context, s *subject) ([]Finding, error) {
	name := s.aws.Region
	found, err := ec2.NewFromConfig(*s.aws).DescribeRegions(ctx, &ec2.DescribeRegionsInput{
		AllRegions: aws.Bool(true), RegionNames: []string{name},
	})
	if code(err) == "InvalidParameterValue" || err == nil && len(found.Regions) == 0 {
		return []Finding{fail("pulumi config set aws:region <region>", "AWS has no region %s", name)}, nil
	}
	if err != nil {
		return nil, err
	}
	if opt := found.Regions[0].OptInStatus; aws.ToString(opt) == "not-opted-in" {
		return []Finding{fail("aws account enable-region --region-name "+name, "%s is not enabled in the account", name)}, nil
	}
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if other := s.env.Getenv(variable); other != "" && other != name {
			return []Finding{warn("export "+variable+"="+name, "%s; %s is %s, which commands of aws would use", name, variable, other)}, nil
		}
	}
	return []Finding{ok("%s", name)}, nil
}

// filters are the program's, as the SDK takes them.
func filters(asked []filter) []types.Filter {
	var out []types.Filter
	for _, f := range asked {
		out = append(out, types.Filter{Name: aws.String(f.Name), Values: f.Values})
	}
	return out
}

// filter is one of a lookup of the program.
type filter struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}
