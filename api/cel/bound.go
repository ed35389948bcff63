package cel

import (
	"strings"
	"sync"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// maxExpanded bounds an expression when its macros are expanded, in nodes. The
// macros optMap and optFlatMap repeat what they are called on, so that a chain of
// a dozen takes minutes and gigabytes to compile.
const maxExpanded = 20_000

// unexpanded parses expressions and leaves their macros alone.
var unexpanded = sync.OnceValues(func() (*celgo.Env, error) {
	return celgo.NewCustomEnv(celgo.OptionalTypes(), celgo.ClearMacros())
})

// CheckSize refuses an expression that would grow too large when it is compiled.
func CheckSize(text string) *Error {
	if !strings.Contains(text, "optMap") && !strings.Contains(text, "optFlatMap") {
		return nil
	}
	env, err := unexpanded()
	if err != nil {
		return internal("environment misconfigured: %v", err)
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil // the compiler says why
	}
	if expandedSize(parsed.NativeRep().Expr()) > maxExpanded {
		return &Error{Type: apiservercel.ErrorTypeInvalid, Detail: "compilation failed: the expression is too large when its macros are expanded"}
	}
	return nil
}

// expandedSize estimates the nodes that expanding e takes, at most somewhat more
// than maxExpanded.
func expandedSize(e ast.Expr) int {
	size := 1
	add := func(of ast.Expr, times int) {
		if size <= maxExpanded {
			size += times * expandedSize(of)
		}
	}
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			times := 1
			if name := call.FunctionName(); name == "optMap" || name == "optFlatMap" {
				times = 4 // twice in the tree, twice in the notes about macros
			}
			add(call.Target(), times)
		}
		for _, a := range call.Args() {
			add(a, 1)
		}
	case ast.SelectKind:
		add(e.AsSelect().Operand(), 1)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			add(item, 1)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			add(entry.AsMapEntry().Key(), 1)
			add(entry.AsMapEntry().Value(), 1)
		}
	case ast.StructKind:
		for _, f := range e.AsStruct().Fields() {
			add(f.AsStructField().Value(), 1)
		}
	}
	return size
}
