package expression

import (
	"context"
	"errors"
	"fmt"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/cel"
)

// Compiled is an expression of a webhook or policy, compiled; or the reason why
// it cannot be, which is told when it would have to be evaluated.
type Compiled struct {
	Program *cel.Program
	Err     *cel.Error
}

// Run evaluates the expression.
func (c Compiled) Run(ctx context.Context, variables cel.Variables, budget *cel.Budget) (ref.Val, *cel.Error) {
	if c.Err != nil {
		return nil, &cel.Error{Type: apiservercel.ErrorTypeInvalid, Detail: fmt.Sprintf("compilation error: %v", c.Err), Cause: c.Err}
	}
	return c.Program.Run(ctx, variables, budget)
}

// Fatal tells whether an error ends the evaluation of whatever else shares the
// budget.
func Fatal(err *cel.Error) bool {
	return err != nil && (errors.Is(err, apiservercel.ErrOutOfBudget) || errors.Is(err, apiservercel.ErrInternal))
}

// MatchConditions tells whether a webhook's conditions all hold. It costs at
// most celconfig.RuntimeCELCostBudgetMatchConditions. An error means that none
// of them is false, and some cannot be evaluated: the failure policy says what
// happens then (Fail: the request is refused as Forbidden with that error;
// Ignore: the webhook is not called).
func MatchConditions(ctx context.Context, conditions []admissionregistrationv1.MatchCondition, in *Input) (bool, error) {
	if len(conditions) == 0 {
		return true, nil
	}
	environment := cel.Admission{Authorizer: true}.Environment()
	compiled := make([]Compiled, len(conditions))
	for i, c := range conditions {
		compiled[i].Program, compiled[i].Err = environment.Compile(c.Expression, celgo.BoolType)
	}
	return Match(ctx, compiled, in, cel.NewBudget(celconfig.RuntimeCELCostBudgetMatchConditions))
}

// Match is MatchConditions of what is compiled already.
func Match(ctx context.Context, conditions []Compiled, variables cel.Variables, budget *cel.Budget) (bool, error) {
	var problems []error
	for _, c := range conditions {
		value, err := c.Run(ctx, variables, budget)
		switch {
		case Fatal(err):
			return false, err
		case err != nil:
			problems = append(problems, err)
		case value == types.False:
			return false, nil
		}
	}
	return len(problems) == 0, utilerrors.NewAggregate(problems)
}
