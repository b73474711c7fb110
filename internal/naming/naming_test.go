package naming

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCap(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", Cap("short", 32))
	require.Equal(t, strings.Repeat("a", 32), Cap(strings.Repeat("a", 32), 32))
	capped := Cap(strings.Repeat("a", 33), 32)
	require.Len(t, capped, 32)
	require.True(t, strings.HasPrefix(capped, strings.Repeat("a", 23)+"-"))
	require.Equal(t, "abc-", Cap("abc-------------------------", 13)[:4], "a cut never ends in two dashes")
	require.NotContains(t, Cap("abc-------------------------", 13), "--")
	require.Panics(t, func() { Cap("name", 9) })
}

func TestCapKeepsNamesShortAndApart(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,60}`)
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(10, 64).Draw(t, "limit")
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		cappedA, cappedB := Cap(a, limit), Cap(b, limit)
		if len(cappedA) > limit {
			t.Fatalf("Cap(%q, %d) has %d characters", a, limit, len(cappedA))
		}
		if cappedA != Cap(a, limit) {
			t.Fatalf("Cap(%q, %d) is not stable", a, limit)
		}
		if len(a) <= limit && cappedA != a {
			t.Fatalf("Cap(%q, %d) changed a name that fits", a, limit)
		}
		// Two long names that differ only at their end stay different: the hash covers the whole name.
		if a != b && len(a) > limit && len(b) > limit && cappedA == cappedB {
			t.Fatalf("Cap makes %q and %q equal", a, b)
		}
	})
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	require.Equal(t, "scalable-backend-prod", Deployment("scalable-backend", "prod"))
	require.Regexp(t, "^scalable-backend-eu-prod-[0-9a-f]{8}$", Deployment("scalable-backend", "eu-prod"))
	require.Regexp(t, "^my-shop-dev-[0-9a-f]{8}$", Deployment("my.shop", "dev"))
	require.Equal(t, "scalable-backend-eu-prod", Deployment("scalable-backend-eu", "prod"))
}

// No two pairs have one name, wherever dashes and dots stand, and every name fits.
func TestDeploymentsAreApart(t *testing.T) {
	t.Parallel()
	part := rapid.StringMatching(`[aB]([-._]?[a1]){0,3}|[a-z.-]{90,100}`)
	rapid.Check(t, func(t *rapid.T) {
		p, s := part.Draw(t, "project"), part.Draw(t, "stack")
		q, r := part.Draw(t, "other project"), part.Draw(t, "other stack")
		a, b := Deployment(p, s), Deployment(q, r)
		if (p != q || s != r) && a == b {
			t.Fatalf("%s/%s and %s/%s are both %s", p, s, q, r, a)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{3,112}$`).MatchString(a) {
			t.Fatalf("%s/%s is %q", p, s, a)
		}
	})
}
