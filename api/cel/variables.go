package cel

import (
	"context"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/lazy"
)

// Composed compiles the expressions of one policy. Each of the policy's
// variables is declared, in order, and may then be named by whatever is
// compiled later. It is not used by several goroutines.
type Composed struct {
	kind     *declType
	own      map[Admission]*Environment
	base     func(Admission) *Environment
	declared map[string]variable
}

type variable struct {
	program *Program
	err     *Error
}

func noVariables() *declType {
	return apiservercel.NewObjectType("kubernetes.variables", map[string]*apiservercel.DeclField{})
}

// NewComposed returns a compiler without variables yet.
func NewComposed() *Composed {
	return &Composed{kind: noVariables(), own: map[Admission]*Environment{}, base: Admission.Environment, declared: map[string]variable{}}
}

// environment returns the one for a. A policy without variables shares it with
// all others of its kind.
func (c *Composed) environment(a Admission) *Environment {
	e := c.own[a]
	switch {
	case e != nil:
	case len(c.declared) == 0:
		a.composed = true
		return c.base(a)
	default:
		e = c.base(a).with(declare([]Variable{{Name: variablesName, Decl: c.kind}}))
		c.own[a] = e
	}
	return e
}

// Declare compiles a variable. If it does not compile, neither it nor what
// names it can be evaluated; its type is then unknown.
func (c *Composed) Declare(name, text string, a Admission, stored bool) (*Program, *Error) {
	program, err := c.Compile(text, a, stored, celgo.AnyType)
	kind := apiservercel.DynType
	if err == nil {
		kind = declOf(program.Output)
	}
	c.kind.Fields[name] = apiservercel.NewDeclField(name, kind, true, nil, nil)
	c.declared[name] = variable{program, err}
	return program, err
}

// Compile returns the program of an expression of the policy.
func (c *Composed) Compile(text string, a Admission, stored bool, returns ...*celgo.Type) (*Program, *Error) {
	mode := environment.NewExpressions
	if stored {
		mode = environment.StoredExpressions
	}
	return c.environment(a).compile(text, mode, returns)
}

// Bind returns variables with the policy's own added. Each is evaluated when it
// is first named, at the cost of budget.
func (c *Composed) Bind(ctx context.Context, variables Variables, budget *Budget) Variables {
	b := &bound{Variables: variables}
	m := lazy.NewMapValue(c.kind)
	for name, v := range c.declared {
		m.Append(name, func(*lazy.MapValue) ref.Val { return v.evaluate(ctx, name, b, budget) })
	}
	b.own = m
	return b
}

type bound struct {
	Variables
	own ref.Val
}

// Value implements Variables.
func (b *bound) Value(name string) (any, bool) {
	if name == variablesName {
		return b.own, true
	}
	return b.Variables.Value(name)
}

func (v variable) evaluate(ctx context.Context, name string, variables Variables, budget *Budget) ref.Val {
	if v.err != nil {
		return types.NewErr("composited variable %q fails to compile: %v", name, v.err)
	}
	value, details, err := v.program.program.ContextEval(ctx, activation{variables})
	if details == nil || details.ActualCost() == nil {
		return types.NewErr("unable to calculate cost of variable %q", name)
	}
	if budget.left >= 0 {
		budget.spend(details.ActualCost())
	}
	if err != nil {
		return types.NewErr("composited variable %q fails to evaluate: %v", name, err)
	}
	return value
}

// simple are the types that have a declaration of their own.
var simple = map[*celgo.Type]*declType{
	celgo.AnyType: apiservercel.AnyType, celgo.BoolType: apiservercel.BoolType, celgo.BytesType: apiservercel.BytesType,
	celgo.DoubleType: apiservercel.DoubleType, celgo.DurationType: apiservercel.DurationType, celgo.IntType: apiservercel.IntType,
	celgo.NullType: apiservercel.NullType, celgo.StringType: apiservercel.StringType,
	celgo.TimestampType: apiservercel.TimestampType, celgo.UintType: apiservercel.UintType,
}

// declOf describes a type to the cost model.
func declOf(t *celgo.Type) *declType {
	if d := simple[t]; d != nil {
		return d
	}
	if t != nil && t.HasTrait(traits.ContainerType) && t.HasTrait(traits.IndexerType) {
		switch p := t.Parameters(); len(p) {
		case 1:
			return apiservercel.NewListType(declOf(p[0]), -1)
		case 2:
			return apiservercel.NewMapType(declOf(p[0]), declOf(p[1]), -1)
		}
	}
	return apiservercel.DynType
}
