package cel

import (
	"context"
	"fmt"
	"math"

	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// Variables gives the values of the variables of one run. A value may be a
// ref.Val or whatever cel-go turns into one. It is not used by several
// goroutines at a time.
type Variables interface {
	Value(name string) (value any, known bool)
}

// Budget is the cost that may still be spent, in the units of cel-go's cost
// model: 1,000,000 are about a tenth of a second.
type Budget struct{ left int64 }

// NewBudget returns a budget of the given cost.
func NewBudget(cost int64) *Budget { return &Budget{left: cost} }

// spend takes cost off; the budget may be overdrawn.
func (b *Budget) spend(cost *uint64) {
	if *cost > math.MaxInt64 {
		b.left = -1
		return
	}
	b.left = max(b.left, 0) - int64(*cost)
}

// Run evaluates the program. One run costs at most what k8s.io/apiserver allows
// for a call (celconfig.PerCallLimit), and what budget has left. An error of
// which errors.Is(err, apiservercel.ErrOutOfBudget) or ErrInternal ends the
// evaluation of whatever else shares the budget.
func (p *Program) Run(ctx context.Context, variables Variables, budget *Budget) (ref.Val, *Error) {
	value, details, err := p.program.ContextEval(ctx, activation{variables})
	if details == nil || details.ActualCost() == nil {
		return nil, internal("runtime cost could not be calculated for expression: %v, no further expression will be run", p.Text)
	}
	if budget.left < 0 { // by variables that were evaluated on the way
		return nil, exhausted()
	}
	if budget.spend(details.ActualCost()); budget.left < 0 {
		return nil, exhausted()
	}
	if err != nil {
		return nil, &Error{Type: apiservercel.ErrorTypeInvalid, Detail: fmt.Sprintf("expression '%v' resulted in error: %v", p.Text, err)}
	}
	return value, nil
}

func exhausted() *Error {
	return &Error{Type: apiservercel.ErrorTypeInvalid, Cause: apiservercel.ErrOutOfBudget,
		Detail: "validation failed due to running out of cost budget, no further validation rules will be run"}
}

// activation offers variables to cel-go.
type activation struct{ variables Variables }

// ResolveName implements interpreter.Activation.
func (a activation) ResolveName(name string) (any, bool) { return a.variables.Value(name) }

// Parent implements interpreter.Activation.
func (a activation) Parent() interpreter.Activation { return nil }
