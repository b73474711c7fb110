package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
)

// Instance types that cannot run the backend or the database are refused with the reason.
func TestUnfitHardware(t *testing.T) {
	for instanceType, want := range map[string]string{
		"a1.medium": "AL2023 system requirements", "a1.metal": "first Graviton",
		"m3.large": "Network Load Balancer", "m1.small": "RegisterTargets", "t1.micro": "Network Load Balancer",
		"g2.2xlarge": "Network Load Balancer",
		"t4g.nano":   "0.5 GiB", "t3a.nano": "0.5 GiB", "t2.nano": "0.5 GiB", "mac2.metal": "macOS",
	} {
		_, err := Parse(testProject, "dev", raw("compute", `{"instanceType": "`+instanceType+`"}`))
		require.ErrorContains(t, err, "compute.instanceType = ", instanceType)
		require.ErrorContains(t, err, want, instanceType)
		require.ErrorContains(t, err, "1 problem", instanceType)
	}
	// Types on Xen, such as t2, work: the launch template needs no feature of Nitro.
	for _, instanceType := range []string{
		"t2.micro", "t2.small", "t3.micro", "t4g.micro", "m4.large", "c4.large", "m7g.large", "m7i-flex.large", "c9g.large",
	} {
		c, err := Parse(testProject, "dev", raw("compute", `{"instanceType": "`+instanceType+`"}`))
		require.NoError(t, err, instanceType)
		require.Empty(t, c.Warnings(), instanceType)
	}
	for class, want := range map[string]string{
		"db.t2.micro": "PostgreSQL up to 12", "db.m4.large": "PostgreSQL up to 12", "db.m3.medium": "PostgreSQL up to 12",
		"db.r4.xlarge": "PostgreSQL up to 12", "db.r3.large": "PostgreSQL up to 12", "db.m1.small": "offers it no more",
		"db.x1.16xlarge": "no PostgreSQL", "db.x1e.xlarge": "no PostgreSQL", "db.z1d.large": "no PostgreSQL",
		"db.x2iezn.2xlarge": "no PostgreSQL",
	} {
		for _, version := range []string{"14", "15", "16", "17", "18"} {
			_, err := Parse(testProject, "dev", raw("database", `{"instanceClass": "`+class+`", "engineVersion": "`+version+`"}`))
			require.ErrorContains(t, err, "database.instanceClass = ", class)
			require.ErrorContains(t, err, want, class)
		}
	}
	for _, family := range strings.Fields(fitClasses) {
		c, err := Parse(testProject, "dev", raw("database", `{"instanceClass": "db.`+family+`.large"}`))
		require.NoError(t, err, family)
		require.Empty(t, c.Warnings(), family)
	}
}

// An unknown instance type may be new or misspelt, so it gives a warning.
func TestUnknownHardware(t *testing.T) {
	for _, w := range []struct{ tier, value, want string }{
		{"compute", `{"instanceType": "m12g.large"}`, "compute.instanceType is m12g.large, which this program does not know, and AWS may refuse"},
		{"compute", `{"instanceType": "m7g.larg"}`, "did you mean m7g.large?"},
		{"compute", `{"instanceType": "m7gg.large"}`, "did you mean m7g.large?"},
		{"compute", `{"instanceType": "t4g.16xlarge"}`, "compute.instanceType is t4g.16xlarge, which this program does not know"},
		{"database", `{"instanceClass": "db.m12g.large"}`,
			"database.instanceClass is db.m12g.large, which this program does not know, and AWS may refuse"},
		{"database", `{"instanceClass": "db.m7gg.large"}`, "did you mean db.m7g.large?"},
	} {
		c, err := Parse(testProject, "dev", raw(w.tier, w.value))
		require.NoError(t, err, w.value)
		require.Len(t, c.Warnings(), 1, w.value)
		require.Contains(t, c.Warnings()[0], w.want)
	}
}

// The program can parse every type in the table and finds its architecture.
func TestKnownTypesHaveAnArchitecture(t *testing.T) {
	arm := strings.Fields("a1 c6g c6gd c6gn c7g c7gd c7gn c8g c8gb c8gd c8gn c9g c9gd g5g hpc7g i4g i8g i8ge im4gn is4gen m6g m6gd m7g m7gd " +
		"m8g m8gb m8gd m8gn m9g m9gd r6g r6gd r7g r7gd r8g r8gb r8gd r8gn r9g r9gd t4g x2gd x8g")
	var found []string
	for family, sizes := range ec2Types() {
		for _, size := range sizes {
			architecture, err := compute.Architecture(family + "." + size)
			if strings.HasPrefix(family, "mac") || family == "p6e-gb200" {
				require.Error(t, err, family)
				continue
			}
			require.NoError(t, err, family+"."+size)
			if architecture == compute.ARM64 && size == sizes[0] {
				found = append(found, family)
			}
		}
	}
	require.ElementsMatch(t, arm, found)
	for _, u := range unfit {
		require.NotEmpty(t, u.source)
	}
}
