package proof

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tierPackages are the tiers. Only system/ and config/ may use more than one of them.
var tierPackages = []string{"network", "storage", "database", "images", "compute", "fargate", "api", "monitoring"}

// imports returns the imports of each package of the module in dir, without tests.
func imports(t *testing.T, dir string) map[string][]string {
	t.Helper()
	command := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	command.Dir = filepath.Join(root, dir)
	out, err := command.Output()
	require.NoError(t, err)
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[1:]
	}
	return all
}

// below tells whether a package is in one of the root module's directories.
func below(pkg string, directories ...string) bool {
	for _, d := range directories {
		if pkg == "scalable-backend/"+d || strings.HasPrefix(pkg, "scalable-backend/"+d+"/") {
			return true
		}
	}
	return false
}

// Imports follow the layout of the repository: a tier imports no other tier, the program imports no test code, and the
// services do not import the infrastructure.
func TestImports(t *testing.T) {
	t.Parallel()
	program := imports(t, ".")
	require.NotEmpty(t, program["scalable-backend/network"])
	for pkg, list := range program {
		tier, _, _ := strings.Cut(strings.TrimPrefix(pkg, "scalable-backend/"), "/")
		for _, imported := range list {
			switch {
			case below(pkg, tierPackages...):
				for _, other := range tierPackages {
					require.False(t, other != tier && below(imported, other), "%s imports %s: system/ passes values from one tier to another", pkg,
						imported)
				}
				require.False(t, below(imported, "config", "system"), "%s imports %s: a tier gets its values as Args", pkg, imported)
			case below(pkg, "internal/component", "internal/stack", "internal/policy", "internal/role", "internal/machine",
				"internal/naming"):
				require.False(t, below(imported, append([]string{"config", "system"}, tierPackages...)...),
					"%s imports %s: the tiers use %[1]s, so it cannot use them", pkg, imported)
			}
			if below(pkg, append([]string{"config", "system", "internal/component", "internal/stack", "internal/policy", "internal/role",
				"internal/machine", "internal/naming"}, tierPackages...)...) {
				require.False(t, below(imported, "internal/graph", "internal/plan", "internal/infratest", "internal/reach", "internal/authz",
					"internal/rules", "internal/cost", "internal/review", "internal/picture"),
					"%s imports %s, which is for tests and for tools", pkg, imported)
			}
			require.False(t, below(imported, "internal/proof") && !below(pkg, "internal/proof"), "%s imports %s, which is for tests", pkg, imported)
			require.False(t, below(imported, "internal/mutate") && !below(pkg, "internal/mutate"), "%s imports %s, which is for mutants", pkg,
				imported)
		}
	}
	services := imports(t, "services")
	require.NotEmpty(t, services["scalable-backend/services/backend"])
	for pkg, list := range services {
		for _, imported := range list {
			require.False(t, strings.HasPrefix(imported, "scalable-backend/") && !below(imported, "services"),
				"%s imports %s: the images do not contain the infrastructure's code", pkg, imported)
		}
	}
}
