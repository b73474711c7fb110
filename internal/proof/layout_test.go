package proof

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tierPackages are the parts of the system. Only system/ and config/ know more than one of them.
var tierPackages = []string{"network", "storage", "database", "images", "compute", "fargate", "api", "monitoring"}

// imports are what the packages of the module in dir import, tests left out.
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

// below tells whether a package is one of the directories of the root module or below one.
func below(pkg string, directories ...string) bool {
	for _, d := range directories {
		if pkg == "scalable-backend/"+d || strings.HasPrefix(pkg, "scalable-backend/"+d+"/") {
			return true
		}
	}
	return false
}

// Who may import what is the layout of the repository: a tier stands alone, what only tests use is not in the program, and the
// services do not know how they are deployed.
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
					require.False(t, other != tier && below(imported, other), "%s imports %s: what a tier needs of another, system/ hands to it", pkg,
						imported)
				}
				require.False(t, below(imported, "config", "system"), "%s imports %s: a tier is handed its values", pkg, imported)
			case below(pkg, "internal/component", "internal/stack", "internal/policy", "internal/role", "internal/naming"):
				require.False(t, below(imported, append([]string{"config", "system"}, tierPackages...)...),
					"%s imports %s: the tiers are written with it", pkg, imported)
			}
			if below(pkg, append([]string{"config", "system", "internal/component", "internal/stack", "internal/policy", "internal/role",
				"internal/naming"}, tierPackages...)...) {
				require.False(t, below(imported, "internal/plan", "internal/infratest"), "%s imports %s, which is for tests and for tools", pkg,
					imported)
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
				"%s imports %s: an image never holds the program", pkg, imported)
		}
	}
}
