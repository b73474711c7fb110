package role

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/component"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

func made(t *testing.T, boundary string) infratest.Resource {
	t.Helper()
	info := infratest.Stack()
	info.PermissionsBoundaryARN = boundary
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		b, err := component.Register(ctx, "scalable-backend:network:Network", "network", &pulumi.ResourceState{}, info)
		if err != nil {
			return err
		}
		_, err = New(b, "logs", Args{
			Service: "vpc-flow-logs.amazonaws.com", Description: "Writes",
			Trust: []policy.Condition{policy.SourceAccount(info.AccountID)},
		})
		if err != nil {
			return err
		}
		return b.RegisterOutputs(pulumi.Map{})
	})
	return graph.Only(t, "aws:iam/role:Role")
}

func TestRole(t *testing.T) {
	role := made(t, "")
	require.NotContains(t, role.Inputs, "permissionsBoundary")
	require.Equal(t, "Writes", role.String(t, "description"))
	require.Equal(t, "network", role.String(t, "tags", "tier"))
	require.JSONEq(t, `{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": ["vpc-flow-logs.amazonaws.com"]},
		"Condition": {"StringEquals": {"aws:SourceAccount": ["123456789012"]}}
	}]}`, role.String(t, "assumeRolePolicy"))

	const boundary = "arn:aws:iam::123456789012:policy/limits"
	require.Equal(t, boundary, made(t, boundary).String(t, "permissionsBoundary"))
}

// What is outside of the program: its services, the roles of the workflows (deploy/github-oidc), and the tools' own build folders.
var elsewhere = map[string]bool{"services": true, "deploy": true, ".git": true, ".cache": true, "node_modules": true}

// Nothing else in the program creates a role, by type or by token.
func TestNobodyElseMakesRoles(t *testing.T) {
	const root = "../.."
	makers := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && elsewhere[entry.Name()] && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, use := range roleUses(file) {
			makers++
			require.Equal(t, filepath.Join(root, "internal", "role", "role.go"), path, "%s: use internal/role", use)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, makers, "the search finds the helper itself")
}

// roleUses are the places where a file names the constructor of a role, or registers a role by its token.
func roleUses(file *ast.File) []string {
	var uses []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if name, ok := x.X.(*ast.Ident); ok && name.Name == "iam" && x.Sel.Name == "NewRole" {
				uses = append(uses, "iam.NewRole")
			}
		case *ast.CallExpr:
			if f, ok := x.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "RegisterResource" {
				for _, argument := range x.Args {
					if text, ok := argument.(*ast.BasicLit); ok && text.Value == strconv.Quote("aws:iam/role:Role") {
						uses = append(uses, "RegisterResource")
					}
				}
			}
		}
		return true
	})
	return uses
}
