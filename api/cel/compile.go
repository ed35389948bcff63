package cel

import (
	"fmt"
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Error tells why an expression cannot be compiled or run. Its Type says
// whether the expression is to blame (ErrorTypeInvalid), its Cause whether it
// cost too much (apiservercel.ErrOutOfBudget).
type Error = apiservercel.Error

// Program is a compiled expression. It may be run by several goroutines.
type Program struct {
	// Text is the expression.
	Text string
	// Output is the type of its values.
	Output  *celgo.Type
	program celgo.Program
}

// compilation is the key under which programs are kept, and failures too: a
// stored expression that is wrong is met again and again.
type compilation struct{ text, returns string }

type outcome struct {
	program *Program
	err     *Error
}

// Compile returns the program of an expression that is stored already: it may
// use whatever some version of Kubernetes allowed. Its values must be of one of
// the types in returns; celgo.AnyType allows all. Results are kept.
func (e *Environment) Compile(text string, returns ...*celgo.Type) (*Program, *Error) {
	key := compilation{text: text, returns: names(returns)}
	if kept, ok := e.programs().Get(key); ok {
		o := kept.(outcome)
		return o.program, o.err
	}
	var o outcome
	o.program, o.err = e.compile(text, environment.StoredExpressions, returns)
	e.programs().Add(key, o)
	return o.program, o.err
}

// Check compiles an expression that is about to be stored, by the rules for new
// ones unless stored is set, and keeps nothing.
func (e *Environment) Check(text string, stored bool, returns ...*celgo.Type) (*Program, *Error) {
	mode := environment.NewExpressions
	if stored {
		mode = environment.StoredExpressions
	}
	return e.compile(text, mode, returns)
}

func (e *Environment) compile(text string, mode environment.Type, returns []*celgo.Type) (*Program, *Error) {
	set, err := e.build()
	if err != nil {
		return nil, internal("environment misconfigured: %v", err)
	}
	env, err := set.Env(mode)
	if err != nil {
		return nil, internal("unexpected error loading CEL environment: %v", err)
	}
	if err := CheckSize(text); err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues != nil {
		return nil, &Error{Type: apiservercel.ErrorTypeInvalid, Detail: "compilation failed: " + issues.String(), Cause: apiservercel.NewCompilationError(issues)}
	}
	if err := checkOutput(ast.OutputType(), returns); err != nil {
		return nil, err
	}
	program, err := env.Program(ast, celgo.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return nil, internal("program instantiation failed: %v", err)
	}
	return &Program{Text: text, Output: ast.OutputType(), program: program}, nil
}

func checkOutput(got *celgo.Type, returns []*celgo.Type) *Error {
	fits := func(t *celgo.Type) bool { return got.IsExactType(t) || t.IsExactType(celgo.AnyType) }
	if slices.ContainsFunc(returns, fits) {
		return nil
	}
	detail := fmt.Sprintf("must evaluate to one of %v but got %v", returns, got)
	if len(returns) == 1 {
		detail = fmt.Sprintf("must evaluate to %v but got %v", returns[0], got)
	}
	return &Error{Type: apiservercel.ErrorTypeInvalid, Detail: detail}
}

func names(types []*celgo.Type) string {
	if len(types) == 1 {
		return types[0].String()
	}
	var out []string
	for _, t := range types {
		out = append(out, t.String())
	}
	return strings.Join(out, ",")
}

func internal(format string, args ...any) *Error {
	return &Error{Type: apiservercel.ErrorTypeInternal, Detail: fmt.Sprintf(format, args...)}
}
