package reach

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Only ports that both ends allow are open. Whole networks are tested on planned graphs, in internal/proof.
func TestIntersect(t *testing.T) {
	tcp := func(low, high int) ports { return ports{"tcp", low, high} }
	all := ports{"-1", 0, 65535}
	for name, c := range map[string]struct{ a, b, want []ports }{
		"same port":           {[]ports{tcp(443, 443)}, []ports{tcp(443, 443)}, []ports{tcp(443, 443)}},
		"ranges overlap":      {[]ports{tcp(80, 443)}, []ports{tcp(100, 8080)}, []ports{tcp(100, 443)}},
		"ranges apart":        {[]ports{tcp(80, 80)}, []ports{tcp(443, 443)}, nil},
		"other protocol":      {[]ports{tcp(53, 53)}, []ports{{"udp", 53, 53}}, nil},
		"any protocol, right": {[]ports{tcp(53, 53)}, []ports{all}, []ports{tcp(53, 53)}},
		"any protocol, left":  {[]ports{all}, []ports{{"udp", 53, 53}}, []ports{{"udp", 53, 53}}},
		"any protocol, both":  {[]ports{all}, []ports{all}, []ports{all}},
		"one end closed":      {[]ports{tcp(443, 443)}, nil, nil},
		"each with each":      {[]ports{tcp(1, 10), tcp(20, 30)}, []ports{tcp(5, 25)}, []ports{tcp(5, 10), tcp(20, 25)}},
	} {
		assert.Equal(t, c.want, intersect(c.a, c.b), name)
	}
	assert.True(t, open([]ports{all}, https))
	assert.False(t, open([]ports{{"udp", 0, 65535}}, https))
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		outer, inner string
		want         bool
	}{
		{"10.0.0.0/16", "10.0.4.0/24", true},
		{"10.0.0.0/16", "10.0.0.0/16", true},
		{"10.0.4.0/24", "10.0.0.0/16", false}, // the same first addresses
		{"10.0.0.0/16", "10.1.0.0/24", false},
		{"0.0.0.0/0", "10.0.0.0/16", true},
	} {
		assert.Equal(t, c.want, within(netip.MustParsePrefix(c.outer), netip.MustParsePrefix(c.inner)), "%s in %s", c.inner, c.outer)
	}
}

func TestEndpointPolicy(t *testing.T) {
	const account, arn = "123456789012", "arn:aws:s3:::data/file"
	allow := statement{Effect: "Allow", Principal: "*", Action: []string{"s3:Get*"}, Resource: []string{"arn:aws:s3:::data/*"}}
	of := func(change func(*statement)) statement { s := allow; change(&s); return s }
	only := func(value string) map[string]map[string][]string {
		return map[string]map[string][]string{"StringEquals": {"aws:PrincipalAccount": {value}}}
	}
	deny := of(func(s *statement) { s.Effect = "Deny" })
	for name, c := range map[string]struct {
		policy  []statement
		account string
		allowed bool
	}{
		"everybody":                   {[]statement{allow}, "", true},
		"no statement":                {nil, account, false},
		"other action":                {[]statement{of(func(s *statement) { s.Action = []string{"s3:Put*"} })}, account, false},
		"an action's beginning alone": {[]statement{of(func(s *statement) { s.Action = []string{"s3:Get"} })}, account, false},
		"other bucket":                {[]statement{of(func(s *statement) { s.Resource = []string{"arn:aws:s3:::data"} })}, account, false},
		"the account":                 {[]statement{of(func(s *statement) { s.Condition = only(account) })}, account, true},
		"another account":             {[]statement{of(func(s *statement) { s.Condition = only("210987654321") })}, account, false},
		"the account, nobody's":       {[]statement{of(func(s *statement) { s.Condition = only(account) })}, "", false},
		"a denial wins":               {[]statement{allow, deny}, account, false},
		"a denial with a condition": {[]statement{allow, of(func(s *statement) { s.Effect, s.Condition = "Deny", only("210987654321") })},
			account, false},
		"a condition that is not understood": {[]statement{of(func(s *statement) {
			s.Condition = map[string]map[string][]string{"IpAddress": {"aws:SourceIp": {"10.0.0.0/8"}}}
		})}, account, false},
		"a principal that is not understood": {[]statement{of(func(s *statement) { s.Principal = map[string]any{"AWS": account} })}, account,
			false},
	} {
		err := allows(c.policy, "s3:GetObject", arn, c.account)
		assert.Equal(t, c.allowed, err == nil, "%s: %v", name, err)
	}
}
