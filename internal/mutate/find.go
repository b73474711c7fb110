package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// mutate changes one file and adds its mutants to the list.
func mutate(s *source, file *ast.File, mutants *[]mutation) []byte {
	e := &editor{source: s, file: file, mutants: mutants, before: map[int][]string{}, after: map[int][]string{}}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			e.function = d.Name.Name
			if d.Body != nil {
				e.walk(d.Body)
			}
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				e.function = ""
				e.walk(d)
			}
		}
	}
	if len(e.before) == 0 {
		return nil
	}
	return e.result()
}

// walk visits the nodes below a node, the outermost first.
func (e *editor) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR
		case *ast.BlockStmt:
			e.statements(n.List)
		case *ast.CaseClause:
			e.statements(n.Body)
			for _, s := range n.Body {
				e.walk(s)
			}
			return false // two cases could become the same constant
		case *ast.IfStmt:
			e.condition(n.Cond)
		case *ast.UnaryExpr:
			if c, ok := n.X.(*ast.CompositeLit); ok && n.Op == token.AND {
				e.composite(n, c, "")
				e.inside(c)
				return false
			}
		case *ast.CompositeLit:
			e.composite(n, n, "")
			e.inside(n)
			return false
		case *ast.CallExpr:
			e.call(n)
		case *ast.ArrayType:
			return false
		case *ast.BasicLit, *ast.Ident:
			e.value(n.(ast.Expr))
		case *ast.SelectorExpr:
			e.value(n)
			e.walk(n.X)
			return false
		case *ast.KeyValueExpr:
			e.walk(n.Value)
			return false
		}
		return true
	})
}

// inside visits the elements of a composite literal and inserts their type if it is left out.
func (e *editor) inside(c *ast.CompositeLit) {
	var element types.Type
	switch t := e.info.TypeOf(c).Underlying().(type) {
	case *types.Slice:
		element = t.Elem()
	case *types.Map:
		element = t.Elem()
	}
	for _, elt := range c.Elts {
		value := elt
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			value = kv.Value
		}
		if inner, ok := value.(*ast.CompositeLit); ok && inner.Type == nil {
			if name, ok := e.typeName(element); ok {
				e.composite(inner, inner, strings.Replace(name, "*", "&", 1))
			}
			e.inside(inner)
			continue
		}
		e.walk(value)
	}
}

// composite leaves out each field or element of a literal, and swaps neighbours of the same type. whole includes the & before the
// literal, if there is one; prefix is the type that the source leaves out.
func (e *editor) composite(whole ast.Expr, c *ast.CompositeLit, prefix string) {
	if len(c.Elts) == 0 {
		return
	}
	switch t := e.info.TypeOf(c).Underlying().(type) {
	case *types.Struct:
		e.structure(whole, c, t, prefix)
	case *types.Slice:
		if whole != ast.Expr(c) {
			return
		}
		if _, keyed := c.Elts[0].(*ast.KeyValueExpr); keyed {
			return
		}
		first := 0
		for i, elt := range c.Elts {
			n := e.add(elt, "leave out "+e.text(elt))
			if i == 0 {
				first = n
			}
		}
		e.wrap(whole, "mutant_.Elements("+prefix, fmt.Sprintf(", %d)", first))
	case *types.Map:
		if whole != ast.Expr(c) {
			return
		}
		var first int
		var keys []string
		for i, elt := range c.Elts {
			key := elt.(*ast.KeyValueExpr).Key
			n := e.add(elt, "leave out "+e.text(key))
			if i == 0 {
				first = n
			}
			keys = append(keys, e.code(key))
		}
		e.wrap(whole, "mutant_.Entries("+prefix, fmt.Sprintf(", %d, %s)", first, strings.Join(keys, ", ")))
	}
}

func (e *editor) structure(whole ast.Expr, c *ast.CompositeLit, t *types.Struct, prefix string) {
	var names []string
	var values []ast.Expr
	for i, elt := range c.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			names, values = append(names, kv.Key.(*ast.Ident).Name), append(values, kv.Value)
		} else {
			names, values = append(names, t.Field(i).Name()), append(values, elt)
		}
	}
	fieldType := map[string]types.Type{}
	for f := range t.Fields() {
		fieldType[f.Name()] = f.Type()
	}
	first := 0
	var changes []string
	note := func(at ast.Node, change, words string) {
		n := e.add(at, words)
		if first == 0 {
			first = n
		}
		changes = append(changes, fmt.Sprintf("%q", change))
	}
	for i, name := range names {
		note(c.Elts[i], name, "leave out "+name)
		if i == 0 {
			continue
		}
		before := names[i-1]
		if types.Identical(fieldType[before], fieldType[name]) && types.Identical(e.info.TypeOf(values[i-1]), e.info.TypeOf(values[i])) &&
			e.code(values[i-1]) != e.code(values[i]) {
			note(c.Elts[i], before+" "+name, "swap "+before+" and "+name)
		}
	}
	e.wrap(whole, "mutant_.Fields("+prefix, fmt.Sprintf(", %d, %s)", first, strings.Join(changes, ", ")))
}

// statements leaves out single statements, such as calls and assignments.
func (e *editor) statements(list []ast.Stmt) {
	for _, s := range list {
		switch n := s.(type) {
		case *ast.ExprStmt:
			if call, ok := n.X.(*ast.CallExpr); ok && e.code(call.Fun) == "panic" {
				continue
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE || strings.HasPrefix(e.code(n.Lhs[0]), "_") {
				continue
			}
		case *ast.RangeStmt, *ast.IncDecStmt:
		default:
			continue
		}
		e.wrap(s, fmt.Sprintf("if mutant_.Keep(%d) { ", e.add(s, "leave out the statement "+e.text(s))), " }")
	}
}

// condition makes each part of a condition always or never true. It leaves out checks of errors, because tests cannot cause
// errors of AWS.
func (e *editor) condition(c ast.Expr) {
	switch n := c.(type) {
	case *ast.ParenExpr:
		e.condition(n.X)
		return
	case *ast.BinaryExpr:
		if n.Op == token.LAND || n.Op == token.LOR {
			e.condition(n.X)
			e.condition(n.Y)
			return
		}
	}
	text := e.text(c)
	if strings.Contains(text, "err != nil") || strings.Contains(text, "err == nil") {
		return
	}
	if t, ok := e.info.TypeOf(c).Underlying().(*types.Basic); !ok || t.Info()&types.IsBoolean == 0 {
		return
	}
	n := e.add(c, "always: if "+text)
	e.add(c, "never: if "+text)
	e.wrap(c, fmt.Sprintf("mutant_.Condition(%d, ", n), ")")
}

// call leaves out each variadic argument, and replaces one argument by another.
func (e *editor) call(c *ast.CallExpr) {
	signature, ok := e.info.TypeOf(c.Fun).(*types.Signature)
	if !ok {
		e.conversion(c)
		return
	}
	code := e.code(c.Fun)
	if strings.HasPrefix(code, "fmt.") || strings.HasPrefix(code, "errors.") {
		return
	}
	fixed := signature.Params().Len()
	if signature.Variadic() {
		fixed--
		variadic := signature.Params().At(fixed).Type().(*types.Slice)
		name, named := e.typeName(variadic.Elem())
		if len(c.Args) > fixed && !c.Ellipsis.IsValid() && named && !strings.HasSuffix(code, "rintf") && signature.TypeParams().Len() == 0 {
			first := 0
			for i, arg := range c.Args[fixed:] {
				n := e.add(arg, "leave out the argument "+e.text(arg))
				if i == 0 {
					first = n
				}
			}
			e.wrapRange(c.Args[fixed].Pos(), c.Args[len(c.Args)-1].End(), fmt.Sprintf("mutant_.List[%s](%d, ", name, first), ")...")
		}
	}
	for i := 1; i < min(fixed, len(c.Args)); i++ {
		a, b := c.Args[i-1], c.Args[i]
		if pure(a) && pure(b) && types.Identical(e.info.TypeOf(a), e.info.TypeOf(b)) && e.code(a) != e.code(b) &&
			signature.TypeParams().Len() == 0 {
			name, ok := e.typeName(e.info.TypeOf(b))
			if _, isNil := e.info.TypeOf(b).(*types.Basic); !ok || (isNil && strings.HasPrefix(name, "untyped")) {
				continue
			}
			e.wrap(b, fmt.Sprintf("mutant_.Other[%s](%d, ", name, e.add(b, e.text(a)+" in place of "+e.text(b))), ", "+e.code(a)+")")
		}
	}
}

// conversion negates the value that is converted to a Pulumi boolean.
func (e *editor) conversion(c *ast.CallExpr) {
	if len(c.Args) != 1 || e.code(c.Fun) != "pulumi.Bool" {
		return
	}
	arg := c.Args[0]
	if tv := e.info.Types[arg]; tv.Value != nil {
		return // value negates literals
	}
	e.wrap(arg, fmt.Sprintf("mutant_.Not(%d, ", e.add(arg, "not "+e.text(arg))), ")")
}

// value changes a literal or a named boolean or number.
func (e *editor) value(x ast.Expr) {
	tv := e.info.Types[x]
	if id, ok := x.(*ast.Ident); ok {
		if c, isConst := e.info.Uses[id].(*types.Const); isConst {
			tv = types.TypeAndValue{Type: c.Type(), Value: c.Val()}
			if recorded, ok := e.info.Types[x]; ok {
				tv = recorded
			}
		}
	}
	basic, ok := tv.Type.(*types.Basic)
	if tv.Value == nil || !ok {
		return
	}
	switch {
	case tv.Value.Kind() == constant.Bool:
		e.wrap(x, fmt.Sprintf("mutant_.Not(%d, ", e.add(x, "not "+e.text(x))), ")")
	case basic.Info()&types.IsNumeric != 0 && basic.Info()&types.IsUntyped == 0 && basic.Kind() != types.Int8:
		e.wrap(x, fmt.Sprintf("mutant_.More[%s](%d, ", basic.Name(), e.add(x, e.text(x)+" and one more")), ")")
	}
}

// pure tells whether an expression can be evaluated twice without another effect.
func pure(x ast.Expr) bool {
	switch n := x.(type) {
	case *ast.Ident:
		return n.Name != "nil" && n.Name != "ctx"
	case *ast.SelectorExpr:
		return pure(n.X)
	case *ast.BasicLit:
		return true
	}
	return false
}
