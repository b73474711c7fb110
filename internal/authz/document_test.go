package authz

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Parse refuses what Evaluate does not support, and the error names it.
func TestParseRefuses(t *testing.T) {
	const ok = `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`
	for _, c := range []struct {
		kind            Kind
		statement, want string
	}{
		{Identity, ok + `,"Principals":"*"`, `unknown field "Principals"`},
		{Identity, `"Effect":"Allow","NotPrincipal":"*","Action":"s3:GetObject","Resource":"*"`, `unknown field "NotPrincipal"`},
		{Identity, ok + `,"Condition":{"StringEqual":{"aws:x":"y"}}`, `unknown operator "StringEqual"`},
		{Identity, ok + `,"Condition":{"NumericLessThan":{"aws:x":"1"}}`, `unknown operator "NumericLessThan"`},
		{Identity, ok + `,"Condition":{"ForEachValue:StringEquals":{"aws:x":"1"}}`, `unknown set operator "ForEachValue"`},
		{Identity, ok + `,"Condition":{"NullIfExists":{"aws:x":"true"}}`, `unknown operator "NullIfExists"`},
		{Identity, ok + `,"Condition":{"Bool":{"aws:x":"yes"}}`, `want true or false`},
		{Identity, ok + `,"Condition":{"ArnLike":{"aws:x":"*"}}`, `want an ARN`},
		{Identity, ok + `,"Condition":{"StringEquals":{"SourceAccount":"1"}}`, `want prefix:name`},
		{Identity, ok + `,"Condition":{"StringEquals":{"aws:x":[]}}`, `no values`},
		{Identity, ok + `,"Condition":{"StringEquals":{"aws:x":1}}`, `want text or a boolean`},
		{Identity, ok + `,"Condition":{"StringEquals":{"aws:x":"${aws:username}"}}`, `policy variables`},
		{Identity, ok + `,"Condition":{"StringEquals":{"aws:x":"1"},"StringEquals":{"aws:y":"1"}}`, `duplicate key`},
		{Identity, ok + `,"resource":"*"`, `duplicate key`},
		{Identity, `"Effect":"Permit","Action":"s3:GetObject","Resource":"*"`, `want Allow or Deny`},
		{Identity, `"Effect":"Allow","Resource":"*"`, `want one of Action and NotAction`},
		{Identity, `"Effect":"Allow","Action":"s3:GetObject","NotAction":"s3:PutObject","Resource":"*"`, `want one of Action`},
		{Identity, `"Effect":"Allow","Action":"GetObject","Resource":"*"`, `want service:Name`},
		{Identity, `"Effect":"Allow","Action":"s3:GetObject"`, `want one of Resource`},
		{Identity, `"Effect":"Allow","Action":"s3:GetObject","Resource":"files/*"`, `want an ARN or *`},
		{Identity, `"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"`, `policy variables`},
		{Identity, ok + `,"Principal":"*"`, `identity's policy has none`},
		{Resource, ok, `Principal:`},
		{Resource, ok + `,"Principal":{"AWS":"arn:aws:iam::111122223333:role/a*"}`, `want *, an account`},
		{Resource, ok + `,"Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"}`, `want *, an account`},
		{Resource, ok + `,"Principal":{"Federated":"x"}`, `principal Federated`},
		{Resource, ok + `,"Principal":{"Service":"*"}`, `principal Service`},
		{Trust, ok + `,"Principal":"*"`, `a trust policy has no Resource`},
	} {
		_, err := Parse(c.kind, "test", []byte(`{"Version":"2012-10-17","Statement":[{`+c.statement+`}]}`))
		require.ErrorContains(t, err, c.want, c.statement)
		require.ErrorContains(t, err, "policy of test")
	}
	for text, want := range map[string]string{
		``:  `EOF`,
		`{`: `EOF`,
		`{"Version":"2012-10-17","Statement":[{` + ok + `}]} {}`:                               `after the document`,
		`{"Version":"2008-10-17","Statement":[{` + ok + `}]}`:                                  `version "2008-10-17"`,
		`{"Version":"2012-10-17","Statement":[]}`:                                              `no statement`,
		`{"Version":"2012-10-17","Statement":[{"Sid":"A",` + ok + `},{"Sid":"A",` + ok + `}]}`: `duplicate Sid`,
		`{"Version":"2012-10-17","Comment":"x","Statement":[{` + ok + `}]}`:                    `unknown field`,
	} {
		_, err := Parse(Identity, "test", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestRequestsAreWhole(t *testing.T) {
	d := doc(t, Identity, allow(getAny+`,"Condition":{"StringEquals":{"k:x":"a"}}`))
	for want, r := range map[string]Request{
		`action "s3:*"`:                   {Principal: Role(roleARN), Action: "s3:*", Resource: object},
		`action "GetObject"`:              {Principal: Role(roleARN), Action: "GetObject", Resource: object},
		`resource "files/x"`:              {Principal: Role(roleARN), Action: "s3:GetObject", Resource: "files/x"},
		`resource "arn:aws:s3:::files/*"`: {Principal: Role(roleARN), Action: "s3:GetObject", Resource: "arn:aws:s3:::files/*"},
		`several values`: {Principal: Role(roleARN), Action: "s3:GetObject", Resource: object,
			Context: map[string][]string{"k:x": {"a", "b"}}},
	} {
		_, err := Evaluate(r, Policies{Identity: []Document{*d}})
		require.ErrorContains(t, err, want)
	}
}

// A glob matches like the regular expression with .* for * and . for ?.
func TestGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab:*?")), 0, 8, -1).Draw(t, "pattern")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab:")), 0, 8, -1).Draw(t, "text")
		expression := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		require.Equal(t, regexp.MustCompile(`^`+expression+`$`).MatchString(text), glob(pattern, text))
	})
}
