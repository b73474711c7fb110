package compute_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
)

const (
	acmCertificate = "aws:acm/certificate:Certificate"
	acmValidation  = "aws:acm/certificateValidation:CertificateValidation"
	dnsRecord      = "aws:route53/record:Record"
	zone           = "Z0123456789ABCDEFGHIJ"
)

// In a hosted zone the stack makes a certificate, the record that validates it, waits for it, and makes the name's record.
func TestNameInHostedZone(t *testing.T) {
	args := dev()
	args.DomainName, args.HostedZoneID = domain, zone
	g := run(t, args)
	made := g.Only(t, acmCertificate)
	require.Equal(t, domain, made.String(t, "domainName"))
	require.Equal(t, "DNS", made.String(t, "validationMethod"))
	require.Equal(t, "RSA_2048", made.String(t, "keyAlgorithm"))

	proof := g.Find(t, dnsRecord, "compute-certificate")
	require.Equal(t, zone, proof.String(t, "zoneId"))
	require.Equal(t, "CNAME", proof.String(t, "type"))
	require.Regexp(t, `^_[0-9a-f]{32}\.backend\.example\.org\.$`, proof.String(t, "name"))
	require.Regexp(t, `^_[0-9a-f]{32}\.acm-validations\.aws\.$`, proof.String(t, "records", 0))
	require.EqualValues(t, 300, proof.Number(t, "ttl"))
	require.True(t, proof.Bool(t, "allowOverwrite"), "a second certificate of the name has the same record")
	require.Contains(t, proof.DependsOn, made.Key())

	issued := g.Only(t, acmValidation)
	require.Contains(t, issued.String(t, "certificateArn"), ":certificate/")
	require.Equal(t, strings.TrimSuffix(proof.String(t, "name"), "."), issued.String(t, "validationRecordFqdns", 0))
	https := g.Find(t, listener, "compute-https")
	require.Equal(t, issued.String(t, "certificateArn"), https.String(t, "certificateArn"))
	require.Contains(t, https.DependsOn, issued.Key(), "the listener waits until ACM has issued the certificate")

	alias := g.Find(t, dnsRecord, "compute-alias")
	outputs := g.Outputs(t, componentKey)
	require.Equal(t, zone, alias.String(t, "zoneId"))
	require.Equal(t, domain, alias.String(t, "name"))
	require.Equal(t, "A", alias.String(t, "type"))
	require.Equal(t, []any{map[string]any{
		"name": outputs["LoadBalancerDNSName"], "zoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": false,
	}}, value(t, alias, "aliases"))
	require.NotContains(t, alias.Inputs, "allowOverwrite", "a record of somebody else's stays")
	require.Equal(t, "https://"+domain, outputs["LoadBalancerURL"])
}

// A given certificate is used as it is; the zone then gets the name's record only.
func TestNameWithCertificateInHostedZone(t *testing.T) {
	args := prod()
	args.HostedZoneID = zone
	g := run(t, args)
	g.RequireNone(t, acmCertificate)
	g.RequireNone(t, acmValidation)
	g.RequireNames(t, dnsRecord, "compute-alias")
	require.Equal(t, certificate, g.Find(t, listener, "compute-https").String(t, "certificateArn"))
}

// Without a zone nothing is made: the URL has the name, and the load balancer's own name is an output.
func TestNameElsewhere(t *testing.T) {
	args := dev()
	args.DomainName = domain
	g := run(t, args)
	g.RequireNone(t, acmCertificate)
	g.RequireNone(t, dnsRecord)
	require.Equal(t, "http://"+domain, g.Outputs(t, componentKey)["LoadBalancerURL"])
	require.Regexp(t, `^compute-alb-.*\.elb\.amazonaws\.com$`, g.Outputs(t, componentKey)["LoadBalancerDNSName"])
}

func TestDomainNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	longest := label + "." + label + "." + label + "." + strings.Repeat("a", 57) + ".org"
	require.Len(t, longest, 253)
	for _, good := range []string{
		"example.org", "a.b.c.example.org", "x1-2.example.org", "1.example.org", "xn--bcher-kva.example.org", longest, "a.xn--p1ai",
		"notamazonaws.com",
	} {
		require.NoError(t, compute.ValidateDomainName(good), good)
	}
	for _, bad := range []string{
		"", "localhost", "Example.org", "example.org.", ".example.org", "a..example.org", "*.example.org", "-a.example.org", "a-.example.org",
		"a_b.example.org", "bücher.example.org", "https://example.org", "example.org/x", "example.org:443", "10.0.0.1", "example.org ",
		"example.org\n", label + "a.example.org", longest + "x", "a" + longest, "alb-1.us-east-1.elb.amazonaws.com",
		"x.cn-north-1.amazonaws.com.cn",
	} {
		require.Error(t, compute.ValidateDomainName(bad), bad)
	}
}

// A name that is longer than ACM takes is fine with a certificate of one's own.
func TestLongNamesNeedACertificate(t *testing.T) {
	args := prod()
	args.HostedZoneID, args.DomainName = zone, strings.Repeat("a", 53)+".example.org"
	require.Len(t, args.DomainName, 65)
	run(t, args)
	refused(t, args, func(a *compute.Args) { a.CertificateARN = "" }, "compute.Args.DomainName: want at most 64 characters for a certificate")
	args.CertificateARN, args.DomainName = "", args.DomainName[1:]
	run(t, args)
}
