package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// AWS renews a certificate of its own 60 days before its end; one with less than 30 was not renewed, or cannot be.
const renewal = 30 * 24 * time.Hour

// checkCertificate looks at the certificate of compute.certificateArn.
func checkCertificate(ctx context.Context, s *subject) ([]Finding, error) {
	given := s.stack.Config("compute", "certificateArn")
	name := s.stack.Config("compute", "domainName")
	switch {
	case given == "" && s.plan.has("aws:acm/certificate:Certificate"):
		return []Finding{ok("the stack asks ACM for one for %s", name)}, nil
	case given == "":
		return []Finding{ok("none: the load balancer serves HTTP")}, nil
	}
	where, err := arn.Parse(given)
	if err != nil {
		return []Finding{fail("pulumi config set --path compute.certificateArn <ARN>", "%s is no ARN", given)}, nil
	}
	if where.Region != s.aws.Region || where.AccountID != s.account {
		return []Finding{fail("make one there, or pulumi config set --path compute.certificateArn <ARN>",
				"%s is of account %s in %s; the load balancer takes one of %s in %s", given, where.AccountID, where.Region, s.account, s.aws.Region)},
			nil
	}
	found, err := acm.NewFromConfig(*s.aws).DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(given)})
	if code(err) == "ResourceNotFoundException" {
		return []Finding{fail("pulumi config set --path compute.certificateArn <ARN>", "there is no certificate %s", given)}, nil
	}
	if err != nil {
		return nil, err
	}
	return []Finding{judge(found.Certificate, name, s.env.Now())}, nil
}

func judge(c *acmtypes.CertificateDetail, name string, now time.Time) Finding {
	names := c.SubjectAlternativeNames
	if len(names) == 0 {
		names = []string{aws.ToString(c.DomainName)}
	}
	left := aws.ToTime(c.NotAfter).Sub(now)
	until := aws.ToTime(c.NotAfter).UTC().Format(time.DateOnly)
	switch {
	case c.Status == acmtypes.CertificateStatusPendingValidation:
		return fail("make the records that `aws acm describe-certificate` shows under DomainValidationOptions", "it waits for its validation")
	case c.Status != acmtypes.CertificateStatusIssued:
		reason := ""
		if c.FailureReason != "" {
			reason = " (" + string(c.FailureReason) + ")"
		}
		return fail("make a new one, and pulumi config set --path compute.certificateArn <ARN>", "it is %s%s", c.Status, reason)
	case !slices.ContainsFunc(names, func(n string) bool { return covers(n, name) }):
		return fail("take one for the name, or pulumi config set --path compute.domainName <one of them>",
			"it is for %s, and compute.domainName is %s", strings.Join(names, ", "), name)
	case left <= 0:
		return fail("renew it", "it ended on %s", until)
	case left < renewal && c.Type == acmtypes.CertificateTypeImported:
		return warn("import the new one into the same ARN: ACM does not renew what it did not issue", "it ends on %s", until)
	case left < renewal:
		return warn("see that its validation record is still there: ACM should have renewed it", "it ends on %s", until)
	}
	return ok("it covers %s until %s", name, until)
}

// covers tells whether a name of a certificate is for a host; a star stands for one label (RFC 6125, 6.4.3).
func covers(pattern, host string) bool {
	if rest, star := strings.CutPrefix(strings.ToLower(pattern), "*."); star {
		_, parent, _ := strings.Cut(strings.ToLower(host), ".")
		return parent == rest && rest != ""
	}
	return strings.EqualFold(pattern, host)
}

// checkHostedZone looks at the zone of compute.hostedZoneId, and for a record that is in the way there.
func checkHostedZone(ctx context.Context, s *subject) ([]Finding, error) {
	id, name := s.stack.Config("compute", "hostedZoneId"), s.stack.Config("compute", "domainName")
	if id == "" {
		return []Finding{ok("none: the record of the name is made by hand")}, nil
	}
	client := route53.NewFromConfig(*s.aws)
	found, err := client.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: aws.String(id)})
	var missing *route53types.NoSuchHostedZone
	if errors.As(err, &missing) {
		return []Finding{fail("pulumi config set --path compute.hostedZoneId <ID>", "the account has no zone %s", id)}, nil
	}
	if err != nil {
		return nil, err
	}
	holds := strings.TrimSuffix(aws.ToString(found.HostedZone.Name), ".")
	if found.HostedZone.Config != nil && found.HostedZone.Config.PrivateZone {
		return []Finding{fail("pulumi config set --path compute.hostedZoneId <ID of a public zone>", "%s (%s) is a private zone", id, holds)}, nil
	}
	if name != holds && !strings.HasSuffix(name, "."+holds) {
		return []Finding{fail("pulumi config set --path compute.domainName <name in "+holds+">",
			"%s is the zone %s, and compute.domainName is %s", id, holds, name)}, nil
	}
	records, err := client.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{
		HostedZoneId: aws.String(id), StartRecordName: aws.String(name), StartRecordType: route53types.RRTypeA,
	})
	if err != nil {
		return nil, err
	}
	for _, r := range records.ResourceRecordSets {
		same := strings.EqualFold(strings.TrimSuffix(aws.ToString(r.Name), "."), name)
		if same && (r.Type == route53types.RRTypeA || r.Type == route53types.RRTypeCname) && !s.hasRecord(name) {
			return []Finding{fail("delete the record, or choose another compute.domainName",
				"%s has a record %s of type %s already, which the update does not overwrite", holds, name, r.Type)}, nil
		}
	}
	return []Finding{ok("%s (%s) holds %s", id, holds, name)}, nil
}

// hasRecord tells whether the stack has made the record of this name. When the state is not known, it may have.
func (s *subject) hasRecord(name string) bool {
	if s.state == nil {
		return true
	}
	for _, r := range s.state.of("aws:route53/record:Record") {
		if r.Outputs["name"] == name {
			return true
		}
	}
	return false
}
