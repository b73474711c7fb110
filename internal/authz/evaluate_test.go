package authz

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	home    = "111122223333"
	abroad  = "444455556666"
	roleARN = "arn:aws:iam::" + home + ":role/app"
	object  = "arn:aws:s3:::files/a/b"
	key     = "arn:aws:kms:eu-central-1:" + home + ":key/1"
)

// doc parses statements as a document; without statements it returns nil.
func doc(t *testing.T, kind Kind, statements ...string) *Document {
	t.Helper()
	if strings.Join(statements, "") == "" {
		return nil
	}
	d, err := Parse(kind, "test", []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`))
	require.NoError(t, err)
	return &d
}

func allow(rest string) string { return `{"Effect":"Allow",` + rest + `}` }
func deny(rest string) string  { return `{"Effect":"Deny",` + rest + `}` }

const (
	getAny    = `"Action":"s3:GetObject","Resource":"*"`
	toAll     = `"Principal":"*",` + getAny
	toRole    = `"Principal":{"AWS":"` + roleARN + `"},` + getAny
	toAccount = `"Principal":{"AWS":"arn:aws:iam::` + home + `:root"},` + getAny
	toAbroad  = `"Principal":{"AWS":"` + abroad + `"},` + getAny
	useKey    = `"Action":"kms:Decrypt","Resource":"*"`
)

// The evaluation order that AWS documents, case by case.
func TestOrder(t *testing.T) {
	const own, boundary, resource, endpoint = 0, 1, 2, 3
	get := Request{Principal: Role(roleARN), Action: "s3:GetObject", Resource: object}
	for name, c := range map[string]struct {
		policies [4]string // identity, boundary, resource, endpoint
		want     bool
		why      string
		owner    string // of the resource
		decides  bool
		who      *Principal
	}{
		"nothing is denied":                               {want: false, why: "no policy allows"},
		"identity allows":                                 {policies: [4]string{own: allow(getAny)}, want: true},
		"resource allows the role":                        {policies: [4]string{resource: allow(toRole)}, want: true},
		"resource allows everyone":                        {policies: [4]string{resource: allow(toAll)}, want: true},
		"resource allows the account, which says nothing": {policies: [4]string{resource: allow(toAccount)}, want: false},
		"resource allows the account, and identity too":   {policies: [4]string{own: allow(getAny), resource: allow(toAccount)}, want: true},
		"resource allows another account":                 {policies: [4]string{resource: allow(toAbroad)}, want: false},

		"identity denies what identity allows": {policies: [4]string{own: allow(getAny) + "," + deny(getAny)}, why: "explicitly denied"},
		"identity denies what resource allows": {policies: [4]string{own: deny(getAny), resource: allow(toAll)}, why: "explicitly denied"},
		"resource denies what identity allows": {policies: [4]string{own: allow(getAny), resource: deny(toAll)}, why: "explicitly denied"},
		"boundary denies what resource allows": {policies: [4]string{boundary: deny(getAny), resource: allow(toAll)}, why: "explicitly denied"},
		"endpoint denies what identity allows": {policies: [4]string{own: allow(getAny), endpoint: allow(toAll) + "," + deny(toAll)},
			why: "explicitly denied"},
		"a denial of the account is one of all": {policies: [4]string{own: allow(getAny), resource: deny(toAccount)}, why: "explicitly denied"},
		"a denial of others is none":            {policies: [4]string{own: allow(getAny), resource: deny(toAbroad)}, want: true},
		"boundary alone allows nothing":         {policies: [4]string{boundary: allow(getAny)}, why: "no policy allows"},
		"boundary limits identity":              {policies: [4]string{own: allow(getAny), boundary: allow(useKey)}, why: "permissions boundary"},
		"boundary and identity":                 {policies: [4]string{own: allow(getAny), boundary: allow(getAny)}, want: true},
		"boundary limits a role by its ARN": {policies: [4]string{resource: allow(toRole), boundary: allow(useKey)},
			why: "no policy allows"},
		"boundary does not limit everyone": {policies: [4]string{resource: allow(toAll), boundary: allow(useKey)}, want: true},
		"endpoint limits identity": {policies: [4]string{own: allow(getAny), endpoint: allow(`"Principal":"*",` + useKey)},
			why: "endpoint"},
		"endpoint alone allows nothing": {policies: [4]string{endpoint: allow(toAll)}, why: "no policy allows"},
		"endpoint limits a resource's own grant": {policies: [4]string{resource: allow(toAll), endpoint: allow(`"Principal":"*",` + useKey)},
			why: "endpoint"},

		"foreign resource, identity only": {policies: [4]string{own: allow(getAny)}, owner: abroad, why: "both sides"},
		"foreign resource, resource only": {policies: [4]string{resource: allow(toRole)}, owner: abroad, why: "both sides"},
		"foreign resource, both":          {policies: [4]string{own: allow(getAny), resource: allow(toAccount)}, owner: abroad, want: true},
		"foreign resource, boundary": {policies: [4]string{own: allow(getAny), boundary: allow(useKey), resource: allow(toRole)},
			owner: abroad, why: "both sides"},

		"key: identity without key policy": {policies: [4]string{own: allow(getAny), resource: allow(toAbroad)}, decides: true,
			why: "allows it neither"},
		"key: left to the account": {policies: [4]string{own: allow(getAny), resource: allow(toAccount)}, decides: true, want: true},
		"key: left, but not taken": {policies: [4]string{resource: allow(toAccount)}, decides: true, why: "no policy allows"},
		"key: the role itself":     {policies: [4]string{resource: allow(toRole)}, decides: true, want: true},

		"anonymous, everyone":       {policies: [4]string{resource: allow(toAll)}, who: &Principal{}, want: true},
		"anonymous, account":        {policies: [4]string{resource: allow(toAccount)}, who: &Principal{}, why: "no other policy can"},
		"anonymous has no identity": {policies: [4]string{own: allow(getAny)}, who: &Principal{}, why: "no other policy can"},
		"service by name": {policies: [4]string{resource: allow(`"Principal":{"Service":"x.amazonaws.com"},` + getAny)},
			who: &Principal{service, "x.amazonaws.com"}, want: true},
		"another service": {policies: [4]string{resource: allow(`"Principal":{"Service":"y.amazonaws.com"},` + getAny)},
			who: &Principal{service, "x.amazonaws.com"}, why: "no other policy can"},
		"service is not in the account": {policies: [4]string{resource: allow(toAccount)}, who: &Principal{service, "x.amazonaws.com"},
			why: "no other policy can"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Policies{
				Boundary: doc(t, Identity, c.policies[boundary]), Resource: doc(t, Resource, c.policies[resource]),
				Endpoint: doc(t, Resource, c.policies[endpoint]), ResourceAccount: c.owner, ResourceDecides: c.decides,
			}
			if d := doc(t, Identity, c.policies[own]); d != nil {
				p.Identity = []Document{*d}
			}
			request := get
			if c.who != nil {
				request.Principal = *c.who
			}
			got, err := Evaluate(request, p)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Allowed, got.Reason)
			require.Contains(t, got.Reason, c.why)
		})
	}
}

func TestStatementsMatch(t *testing.T) {
	for _, c := range []struct {
		statement, action, resource string
		want                        bool
	}{
		{`"Action":"s3:Get*","Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":"S3:getobject","Resource":"*"`, "s3:GetObject", object, false}, // refused by Parse: services are lower case
		{`"Action":"s3:getobject","Resource":"*"`, "s3:GetObject", object, true},
		{`"Action":"s3:GetObject?","Resource":"*"`, "s3:GetObject", object, false},
		{`"Action":["kms:Decrypt","s3:GetObject"],"Resource":["arn:aws:s3:::other/*","arn:aws:s3:::files/*"]`, "s3:GetObject", object, true},
		{`"Action":"*","Resource":"arn:aws:s3:::files"`, "s3:GetObject", object, false},
		{`"Action":"*","Resource":"arn:aws:s3:::FILES/*"`, "s3:GetObject", object, false},
		{`"Action":"*","Resource":"arn:aws:s3:::files/?/b"`, "s3:GetObject", object, true},
		{`"Action":"*","Resource":"arn:aws:s3:::*"`, "kms:Decrypt", key, false},
		{`"NotAction":"s3:*","Resource":"*"`, "s3:GetObject", object, false},
		{`"NotAction":"s3:*","Resource":"*"`, "kms:Decrypt", key, true},
		{`"Action":"s3:GetObject","NotResource":"arn:aws:s3:::files/*"`, "s3:GetObject", object, false},
		{`"Action":"s3:GetObject","NotResource":"arn:aws:s3:::other/*"`, "s3:GetObject", object, true},
		{`"Action":"ecr:GetAuthorizationToken","Resource":"*"`, "ecr:GetAuthorizationToken", "*", true},
		{`"Action":"ecr:GetAuthorizationToken","Resource":"arn:aws:ecr:*:*:repository/x"`, "ecr:GetAuthorizationToken", "*", false},
	} {
		t.Run(c.statement+" "+c.action, func(t *testing.T) {
			d, err := Parse(Identity, "test", []byte(`{"Version":"2012-10-17","Statement":`+allow(c.statement)+`}`))
			if err != nil {
				require.False(t, c.want, err)
				require.ErrorContains(t, err, "action")
				return
			}
			got, err := Evaluate(Request{Principal: Role(roleARN), Action: c.action, Resource: c.resource}, Policies{Identity: []Document{d}})
			require.NoError(t, err)
			require.Equal(t, c.want, got.Allowed)
		})
	}
}

func TestConditions(t *testing.T) {
	const arn = "arn:aws:sns:eu-central-1:" + home + ":topic"
	for _, c := range []struct {
		condition string
		values    []string // of the key k:x; nil is absent
		want      bool
	}{
		{`"StringEquals":{"k:x":["a","b"]}`, []string{"b"}, true},
		{`"StringEquals":{"K:X":"a"}`, []string{"a"}, true},
		{`"StringEquals":{"k:x":"a"}`, []string{"A"}, false},
		{`"StringEquals":{"k:x":"a*"}`, []string{"ab"}, false},
		{`"StringEquals":{"k:x":"a"}`, nil, false},
		{`"StringEqualsIfExists":{"k:x":"a"}`, nil, true},
		{`"StringEqualsIfExists":{"k:x":"a"}`, []string{"b"}, false},
		{`"StringEqualsIgnoreCase":{"k:x":"a"}`, []string{"A"}, true},
		{`"StringNotEquals":{"k:x":["a","b"]}`, []string{"b"}, false},
		{`"StringNotEquals":{"k:x":["a","b"]}`, []string{"c"}, true},
		{`"StringNotEquals":{"k:x":"a"}`, nil, true},
		{`"StringLike":{"k:x":"a*"}`, []string{"ab"}, true},
		{`"StringLike":{"k:x":"a?"}`, []string{"abc"}, false},
		{`"StringNotLike":{"k:x":"a*"}`, []string{"ab"}, false},
		{`"ArnLike":{"k:x":"arn:aws:sns:*:` + home + `:*"}`, []string{arn}, true},
		{`"ArnEquals":{"k:x":"arn:aws:sns:*:` + home + `:*"}`, []string{arn}, true},
		{`"ArnLike":{"k:x":"arn:aws:sns:*:` + abroad + `:*"}`, []string{arn}, false},
		{`"ArnLike":{"k:x":"arn:aws:*:x:y:topic"}`, []string{arn}, false},
		{`"ArnLike":{"k:x":"arn:aws:sns:*:*:*"}`, []string{"no ARN"}, false},
		{`"ArnNotLike":{"k:x":"arn:aws:sns:*:` + home + `:*"}`, []string{arn}, false},
		{`"ArnNotLike":{"k:x":"arn:aws:sns:*:` + home + `:*"}`, nil, true},
		{`"Bool":{"k:x":"false"}`, []string{"false"}, true},
		{`"Bool":{"k:x":false}`, []string{"false"}, true},
		{`"Bool":{"k:x":"true"}`, []string{"false"}, false},
		{`"Bool":{"k:x":"true"}`, nil, false},
		{`"BoolIfExists":{"k:x":"true"}`, nil, true},
		{`"Null":{"k:x":"true"}`, nil, true},
		{`"Null":{"k:x":"true"}`, []string{"a"}, false},
		{`"Null":{"k:x":"false"}`, []string{"a"}, true},
		{`"ForAllValues:StringEquals":{"k:x":["a","b"]}`, []string{"a", "b"}, true},
		{`"ForAllValues:StringEquals":{"k:x":["a","b"]}`, []string{"a", "c"}, false},
		{`"ForAllValues:StringEquals":{"k:x":["a","b"]}`, nil, true},
		{`"ForAnyValue:StringEquals":{"k:x":["a","b"]}`, []string{"c", "b"}, true},
		{`"ForAnyValue:StringEquals":{"k:x":["a","b"]}`, []string{"c"}, false},
		{`"ForAnyValue:StringEquals":{"k:x":["a","b"]}`, nil, false},
		{`"ForAllValues:StringNotEquals":{"k:x":["a"]}`, []string{"b", "a"}, false},
		{`"ForAnyValue:StringNotEquals":{"k:x":["a"]}`, []string{"b", "a"}, true},
		{`"ForAnyValue:StringNotEquals":{"k:x":["a"]}`, nil, false},
		{`"StringEquals":{"k:x":"a","k:y":"b"}`, []string{"a"}, false}, // every key must hold
		{`"StringEquals":{"k:x":"a"},"Bool":{"k:y":"true"}`, []string{"a"}, false},
		{`"StringEquals":{"aws:PrincipalAccount":"` + home + `"}`, nil, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/a*"}`, nil, true},
	} {
		t.Run(fmt.Sprint(c.condition, c.values), func(t *testing.T) {
			d := doc(t, Identity, allow(getAny+`,"Condition":{`+c.condition+`}`))
			r := Request{Principal: Role(roleARN), Action: "s3:GetObject", Resource: object}
			if c.values != nil {
				r.Context = map[string][]string{"k:X": c.values}
			}
			got, err := Evaluate(r, Policies{Identity: []Document{*d}})
			require.NoError(t, err)
			require.Equal(t, c.want, got.Allowed)
		})
	}
}

// All policies of a role apply, in any order.
func TestSeveralPolicies(t *testing.T) {
	allowing, denying, other := doc(t, Identity, allow(getAny)), doc(t, Identity, deny(getAny)), doc(t, Identity, allow(useKey))
	for _, c := range []struct {
		policies []Document
		want     bool
	}{
		{[]Document{*other, *allowing}, true}, {[]Document{*allowing, *other}, true}, {[]Document{*other, *other}, false},
		{[]Document{*denying, *allowing}, false}, {[]Document{*allowing, *denying, *other}, false},
	} {
		got, err := Evaluate(Request{Principal: Role(roleARN), Action: "s3:GetObject", Resource: object}, Policies{Identity: c.policies})
		require.NoError(t, err)
		require.Equal(t, c.want, got.Allowed, got.Reason)
	}
}

func TestGrants(t *testing.T) {
	d := doc(t, Identity, allow(`"Sid":"A","Action":["s3:Get*","s3:PutObject"],"Resource":["arn:aws:s3:::files/*"]`),
		allow(`"Sid":"B","Action":"*","Resource":"*"`))
	got, err := Evaluate(Request{Principal: Role(roleARN), Action: "s3:GetObject", Resource: object},
		Policies{Identity: []Document{*d}, Resource: doc(t, Resource, deny(`"Principal":"*",`+useKey), allow(toAccount))})
	require.NoError(t, err)
	require.Equal(t, []Grant{
		{"test", 0, "", "s3:Get*", "arn:aws:s3:::files/*"}, {"test", 1, "", "*", "*"},
		{"test", 1, "arn:aws:iam::" + home + ":root", "s3:GetObject", "*"},
	}, got.Grants)
}

// Only a role's trust policy decides who may assume it.
func TestTrust(t *testing.T) {
	trust := doc(t, Trust, allow(`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`))
	for who, want := range map[Principal]bool{
		Service("ec2.amazonaws.com"): true, Service("ecs-tasks.amazonaws.com"): false, Role(roleARN): false, Anonymous(): false,
	} {
		got, err := Evaluate(Request{Principal: who, Action: "sts:AssumeRole", Resource: roleARN},
			Policies{Identity: []Document{*doc(t, Identity, allow(`"Action":"*","Resource":"*"`))}, Resource: trust, ResourceDecides: true})
		require.NoError(t, err)
		require.Equal(t, want, got.Allowed, who.String())
	}
}
