package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testName = `"domainName": "files.corp.io"`
	testZone = `"hostedZoneId": "Z0123456789ABCDEFGHIJ"`
)

// Name, certificate and hosted zone are held against each other.
func TestRejectsNames(t *testing.T) {
	arn := `"certificateArn": "` + certificateOf("us-east-1", "111122223333") + `"`
	sizes := `"minSize": 2, "desiredCapacity": 2`
	long := strings.Repeat("a", 57) + ".corp.io" // 65 characters
	for _, r := range []rejected{
		{name: "no name of DNS", values: raw("compute", `{"domainName": "Files.corp.io."}`), want: map[string]string{
			"compute.domainName": "want a domain name in lower case"}},
		{name: "AWS's name", values: raw("compute", `{"domainName": "alb-1.us-east-1.elb.amazonaws.com"}`),
			want: map[string]string{"compute.domainName": "AWS's own"}},
		{name: "no zone's ID", values: raw("compute", `{`+testName+`, "hostedZoneId": "corp.io"}`),
			want: map[string]string{"compute.hostedZoneId": "want the ID of a public Route 53 hosted zone"}},
		{name: "ID with its path", values: raw("compute", `{`+testName+`, "hostedZoneId": "/hostedzone/Z0123456789ABCDEFGHIJ"}`),
			want: map[string]string{"compute.hostedZoneId": "want the ID"}},
		{name: "certificate without a name", values: raw("compute", `{`+arn+`}`), want: map[string]string{
			"compute.domainName": `"" (the default): required with compute.certificateArn: no certificate covers AWS's name for the load ` +
				`balancer pulumi config set --path compute.domainName backend.example.com`}},
		{name: "zone in GovCloud, which has private ones alone", values: raw("aws:region", "us-gov-west-1",
			"compute", `{`+testName+`, `+testZone+`}`), want: map[string]string{
			"compute.hostedZoneId": "Route 53 has no public hosted zones in aws-us-gov: make the record where the name " +
				"is kept, and set compute.certificateArn pulumi config rm --path compute.hostedZoneId --stack dev"}},
		{name: "zone without a name", values: raw("compute", `{`+testZone+`}`),
			want: map[string]string{"compute.domainName": "required with compute.hostedZoneId"}},
		{name: "longer than ACM takes", values: raw("compute", `{`+testZone+`, "domainName": "`+long+`"}`),
			want: map[string]string{"compute.domainName": "want at most 64 characters"}},
		{name: "production without a name", stack: "prod", values: production("compute", `{`+sizes+`, `+arn+`}`),
			want: map[string]string{"compute.domainName": "required in production"}},
		{name: "production with a name alone", stack: "prod", values: production("compute", `{`+sizes+`, `+testName+`}`),
			want: map[string]string{"compute.certificateArn": "required in production, or compute.hostedZoneId"}},
		{name: "production with a wrong zone", stack: "prod", values: production("compute", `{`+sizes+`, `+testName+`, "hostedZoneId": "z"}`),
			want: map[string]string{"compute.hostedZoneId": "want the ID"}},
	} {
		r.check(t)
	}
	for _, accepted := range []map[string]string{
		production("compute", `{`+sizes+`, `+testName+`, `+testZone+`, "allowedCidrs": ["0.0.0.0/0"]}`),
		production("compute", `{`+sizes+`, `+testName+`, `+testZone+`, `+arn+`}`),
		production("compute", `{`+sizes+`, "domainName": "`+long+`", `+testZone+`, `+arn+`}`),
	} {
		c, err := Parse(testProject, "prod", accepted)
		require.NoError(t, err)
		require.True(t, c.HTTPS())
		require.Empty(t, c.Placeholders())
	}
	c, err := Parse(testProject, "dev", raw("aws:region", "cn-north-1", "compute", `{`+testName+`, `+testZone+`}`))
	require.NoError(t, err)
	require.True(t, c.HTTPS())
	c, err = Parse(testProject, "dev", raw("compute", `{`+testName+`}`))
	require.NoError(t, err)
	require.False(t, c.HTTPS(), "a name alone is served over plain HTTP")
}
