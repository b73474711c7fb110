package compute

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// maxDomainName is DNS's limit, in characters without the last dot.
	maxDomainName = 253
	// MaxCertificateName is ACM's limit for the name of a certificate, in characters (AWS Certificate Manager User Guide, "Quotas").
	MaxCertificateName = 64
	// validationSeconds is how long a resolver may keep the record that proves to ACM who owns the name.
	validationSeconds = 300
)

// domainName is of lower-case labels of letters, digits and dashes, at least two; the last begins with a letter, so it is no address.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ValidateDomainName reports what is wrong with the name of a public load balancer.
func ValidateDomainName(name string) error {
	switch {
	case len(name) > maxDomainName:
		return fmt.Errorf("it has %d characters, want at most %d", len(name), maxDomainName)
	case !domainName.MatchString(name):
		return fmt.Errorf("domain name %q: want lower-case labels of letters, digits and dashes, e.g. backend.example.com", name)
	case strings.HasSuffix(name, ".amazonaws.com"), strings.HasSuffix(name, ".amazonaws.com.cn"):
		return fmt.Errorf("domain name %q is AWS's own: nobody else can get a certificate for it", name)
	}
	return nil
}

// https tells whether the public load balancer has a certificate, a given one or one that the stack makes.
func (a *Args) https() bool { return a.CertificateARN != "" || a.HostedZoneID != "" }

// certificate returns the ARN of the load balancer's certificate: the given one, or that of a new one, known when ACM has issued it.
func (b *builder) certificate() (pulumi.StringInput, error) {
	if b.args.CertificateARN != "" {
		return pulumi.String(b.args.CertificateARN), nil
	}
	certificate, err := acm.NewCertificate(b.Ctx, b.Name("certificate"), &acm.CertificateArgs{
		DomainName:       pulumi.String(b.args.DomainName),
		ValidationMethod: pulumi.String("DNS"), // ACM renews it by itself as long as the record is there
		KeyAlgorithm:     pulumi.String("RSA_2048"),
		Tags:             b.Tags("certificate"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating certificate: %w", err)
	}
	proof := certificate.DomainValidationOptions.Index(pulumi.Int(0))
	record, err := route53.NewRecord(b.Ctx, b.Name("certificate"), &route53.RecordArgs{
		ZoneId:  pulumi.String(b.args.HostedZoneID),
		Name:    proof.ResourceRecordName().Elem(),
		Type:    proof.ResourceRecordType().Elem(),
		Ttl:     pulumi.Int(validationSeconds),
		Records: pulumi.StringArray{proof.ResourceRecordValue().Elem()},
		// ACM asks for the same record for every certificate of this account and name, also for one that takes this one's place.
		AllowOverwrite: pulumi.Bool(true),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating record that validates the certificate: %w", err)
	}
	validation, err := acm.NewCertificateValidation(b.Ctx, b.Name("certificate"), &acm.CertificateValidationArgs{
		CertificateArn:        certificate.Arn,
		ValidationRecordFqdns: pulumi.StringArray{record.Fqdn},
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("waiting for the certificate: %w", err)
	}
	return validation.CertificateArn, nil
}

// publicName returns the name under which users reach the load balancer: Args.DomainName, known when its record exists where the
// stack makes it, or the load balancer's own. There is no AAAA record: the load balancer has IPv4 addresses only.
func (b *builder) publicName(balancer *lb.LoadBalancer) (pulumi.StringOutput, error) {
	switch {
	case b.args.DomainName == "":
		return balancer.DnsName, nil
	case b.args.HostedZoneID == "":
		return pulumi.String(b.args.DomainName).ToStringOutput(), nil
	}
	record, err := route53.NewRecord(b.Ctx, b.Name("alias"), &route53.RecordArgs{
		ZoneId: pulumi.String(b.args.HostedZoneID),
		Name:   pulumi.String(b.args.DomainName),
		Type:   pulumi.String("A"),
		Aliases: route53.RecordAliasArray{route53.RecordAliasArgs{
			Name: balancer.DnsName, ZoneId: balancer.ZoneId,
			EvaluateTargetHealth: pulumi.Bool(false), // there is nothing else to answer with
		}},
	}, b.Options()...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("creating record of the load balancer's name: %w", err)
	}
	return record.Fqdn, nil
}
