package proof

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These functions read from the services' source what the services do. Importing the services would bring the AWS SDK and a
// database driver into this module, and a list by hand would miss new calls.

// sourceFiles parses the files of some packages of the services, without tests.
func sourceFiles(t *testing.T, packages ...string) []*ast.File {
	t.Helper()
	var files []*ast.File
	for _, dir := range packages {
		found, err := filepath.Glob(filepath.Join(root, "services", dir, "*.go"))
		require.NoError(t, err)
		for _, name := range found {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	require.NotEmpty(t, files)
	return files
}

// servicePackages returns the packages of a service, its command and the shared client.
func servicePackages(t *testing.T, service string) []string {
	t.Helper()
	var dirs []string
	for _, top := range []string{service, "client", "cmd/" + service} {
		start := filepath.Join(root, "services", top)
		require.NoError(t, filepath.WalkDir(start, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				rel, _ := filepath.Rel(filepath.Join(root, "services"), path)
				dirs = append(dirs, rel)
			}
			return err
		}))
	}
	return dirs
}

const sdkServices = "github.com/aws/aws-sdk-go-v2/service/"

// sdkCalls returns the AWS operations that a service calls, e.g. "s3.GetObject", or "s3.GetObject version" for a call with a
// version.
func sdkCalls(t *testing.T, service string) []string {
	t.Helper()
	var calls []string
	for _, f := range sourceFiles(t, servicePackages(t, service)...) {
		clients := map[string]string{} // local name to service
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			name, ok := strings.CutPrefix(path, sdkServices)
			if !ok || strings.Contains(name, "/") {
				continue
			}
			clients[name] = name
			if spec.Name != nil {
				clients[spec.Name.Name] = name
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			local, name := selector(literal.Type)
			operation, isInput := strings.CutSuffix(name, "Input")
			if clients[local] == "" || !isInput {
				return true
			}
			call := clients[local] + "." + operation
			for _, e := range literal.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "VersionId" {
					call += " version"
				}
			}
			calls = append(calls, call)
			return true
		})
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// selector returns the two names of x.Sel.
func selector(e ast.Expr) (x, sel string) {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if id, ok := s.X.(*ast.Ident); ok {
			return id.Name, s.Sel.Name
		}
	}
	return "", ""
}

// sourceFunction finds a function or method by name.
func sourceFunction(t *testing.T, files []*ast.File, name string) *ast.FuncDecl {
	t.Helper()
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
				return fn
			}
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

// agentOperations returns the ids of the API operations that the agent's `run` calls: each method of the runner's interface,
// followed through the client to the generated call.
func agentOperations(t *testing.T) []string {
	t.Helper()
	var methods []string
	for _, f := range sourceFiles(t, "agent/runner") {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name == "API" {
				for _, m := range s.Type.(*ast.InterfaceType).Methods.List {
					methods = append(methods, m.Names[0].Name)
				}
			}
			return true
		})
	}
	require.NotEmpty(t, methods)
	var operations []string
	client := sourceFiles(t, "client")
	for _, m := range methods {
		ast.Inspect(sourceFunction(t, client, m), func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok {
				if _, field := selector(s.X); field == "raw" {
					operations = append(operations, strings.ToLower(s.Sel.Name[:1])+s.Sel.Name[1:])
				}
			}
			return true
		})
	}
	require.GreaterOrEqual(t, len(operations), len(methods), "no generated call found in a method of the client")
	slices.Sort(operations)
	return slices.Compact(operations)
}

// jsonKeys returns the JSON keys of the structs that a function decodes into.
func jsonKeys(t *testing.T, dir, name string) []string {
	t.Helper()
	var keys []string
	ast.Inspect(sourceFunction(t, sourceFiles(t, dir), name), func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range s.Fields.List {
			require.NotNil(t, field.Tag, "%s decodes a field without a json tag", name)
			tag, _ := strconv.Unquote(field.Tag.Value)
			keys = append(keys, reflect.StructTag(tag).Get("json"))
		}
		return true
	})
	require.NotEmpty(t, keys)
	slices.Sort(keys)
	return keys
}

// sourceConstants returns a package's constants that are literals, durations or expressions of those.
func sourceConstants(t *testing.T, dir string) map[string]constant.Value {
	t.Helper()
	values := map[string]constant.Value{}
	for _, f := range sourceFiles(t, dir) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				s := spec.(*ast.ValueSpec)
				for i, v := range s.Values {
					if value := constantOf(v); value.Kind() != constant.Unknown {
						values[s.Names[i].Name] = value
					}
				}
			}
		}
	}
	return values
}

var timeUnits = map[string]time.Duration{
	"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

func constantOf(e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.SelectorExpr:
		if x, sel := selector(e); x == "time" && timeUnits[sel] != 0 {
			return constant.MakeInt64(int64(timeUnits[sel]))
		}
	case *ast.BinaryExpr:
		x, y := constantOf(e.X), constantOf(e.Y)
		switch {
		case x.Kind() == constant.Unknown || y.Kind() == constant.Unknown:
		case e.Op == token.SHL:
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n))
		default:
			return constant.BinaryOp(x, e.Op, y)
		}
	}
	return constant.MakeUnknown()
}

// sourceDuration returns a duration constant of a package of the services.
func sourceDuration(t *testing.T, dir, name string) time.Duration {
	t.Helper()
	value, ok := sourceConstants(t, dir)[name]
	require.True(t, ok, "services/%s has no constant %s", dir, name)
	n, exact := constant.Int64Val(value)
	require.True(t, exact)
	return time.Duration(n)
}
