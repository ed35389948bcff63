package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"minke/api/cel"
	"minke/apiserver/admission/expression"
)

type compiled = expression.Compiled

// program compiles the expressions of a policy that is stored.
type program struct {
	*cel.Composed
	params bool
}

func newProgram(params *admissionregistrationv1.ParamKind, variables []admissionregistrationv1.Variable) program {
	p := program{cel.NewComposed(), params != nil}
	for _, v := range variables {
		// Why it does not compile is told by what names it.
		_, _ = p.Declare(v.Name, v.Expression, cel.Admission{Params: p.params, Authorizer: true}, true)
	}
	return p
}

func (p program) compile(text string, options cel.Admission, returns ...*celgo.Type) (c compiled) {
	options.Params = p.params
	c.Program, c.Err = p.Compile(text, options, true, returns...)
	return c
}

func (p program) conditions(list []admissionregistrationv1.MatchCondition) (out []compiled) {
	for _, c := range list {
		out = append(out, p.compile(c.Expression, cel.Admission{Authorizer: true}, celgo.BoolType))
	}
	return out
}

// match tells whether the policy's conditions hold.
func (p program) match(ctx context.Context, conditions []compiled, in *expression.Input) (bool, error) {
	budget := cel.NewBudget(celconfig.RuntimeCELCostBudgetMatchConditions)
	return expression.Match(ctx, conditions, p.Bind(ctx, in, budget), budget)
}

// validator is a compiled ValidatingAdmissionPolicy.
type validator struct {
	program
	spec        *admissionregistrationv1.ValidatingAdmissionPolicySpec
	conditions  []compiled
	validations []compiled
	messages    map[int]compiled
	annotations []compiled
}

func newValidator(obj runtime.Object) *validator {
	spec := &obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec
	p := newProgram(spec.ParamKind, spec.Variables)
	v := &validator{program: p, spec: spec, conditions: p.conditions(spec.MatchConditions), messages: map[int]compiled{}}
	asking := cel.Admission{Authorizer: true}
	for i, one := range spec.Validations {
		v.validations = append(v.validations, p.compile(one.Expression, asking, celgo.BoolType))
		if one.MessageExpression != "" {
			v.messages[i] = p.compile(one.MessageExpression, cel.Admission{}, celgo.StringType)
		}
	}
	for _, a := range spec.AuditAnnotations {
		v.annotations = append(v.annotations, p.compile(a.ValueExpression, asking, celgo.StringType, celgo.NullType))
	}
	return v
}

// decision is one reason to refuse a write.
type decision struct {
	// index is that of the validation.
	index   int
	message string
	reason  metav1.StatusReason
	// err is why the validation could not be evaluated, took how long that took.
	err  error
	took time.Duration
}

// annotation is what an audit annotation evaluated to; err is set instead if it
// did not.
type annotation struct {
	key, value string
	err        error
}

// decide evaluates the policy for one object of parameters. matching is the
// input of the conditions, which do not see the namespace.
func (v *validator) decide(ctx context.Context, matching, in *expression.Input) ([]decision, []annotation) {
	failed := func(err error) []decision {
		if !fails(v.spec.FailurePolicy) {
			return nil
		}
		return []decision{{message: err.Error(), err: err}}
	}
	if ok, err := v.match(ctx, v.conditions, matching); err != nil {
		return failed(err), nil
	} else if !ok {
		return nil, nil
	}
	budget := cel.NewBudget(celconfig.RuntimeCELCostBudget)
	variables := v.Bind(ctx, in, budget)
	var decisions []decision
	for i, one := range v.validations {
		start := time.Now()
		value, err := one.Run(ctx, variables, budget)
		took := time.Since(start)
		switch {
		case expression.Fatal(err):
			return failed(err), nil
		case err != nil && fails(v.spec.FailurePolicy):
			decisions = append(decisions, decision{index: i, message: err.Error(), err: err, took: took})
		case err == nil && value != types.True:
			d := v.refusal(ctx, i, variables, budget)
			d.took = took
			decisions = append(decisions, d)
		}
	}
	annotations, err := v.annotate(ctx, in)
	if err != nil {
		return failed(err), nil
	}
	return decisions, annotations
}

// refusal words why the validation i refuses.
func (v *validator) refusal(ctx context.Context, i int, variables cel.Variables, budget *cel.Budget) decision {
	d := decision{index: i, reason: metav1.StatusReasonInvalid}
	one := &v.spec.Validations[i]
	if one.Reason != nil {
		d.reason = *one.Reason
	}
	if c, ok := v.messages[i]; ok {
		value, err := c.Run(ctx, variables, budget)
		if expression.Fatal(err) {
			d.reason, d.message, d.err = "", fmt.Sprintf("failed messageExpression: %s", err), err
			return d
		}
		d.message = wording(value)
	}
	if d.message == "" {
		d.message = strings.TrimSpace(one.Message)
	}
	if d.message == "" {
		d.message = "failed expression: " + strings.TrimSpace(one.Expression)
	}
	return d
}

// wording returns the text of a message, or "" if it cannot be told: the value
// of what failed to evaluate, too, is nil.
func wording(value ref.Val) string {
	if value == nil {
		return ""
	}
	text, _ := value.Value().(string)
	text = strings.TrimSpace(text)
	if len(text) > celconfig.MaxEvaluatedMessageExpressionSizeBytes || strings.Contains(text, "\n") {
		return ""
	}
	return text
}

// annotate evaluates the audit annotations.
func (v *validator) annotate(ctx context.Context, in *expression.Input) ([]annotation, error) {
	if len(v.annotations) == 0 {
		return nil, nil
	}
	budget := cel.NewBudget(celconfig.RuntimeCELCostBudget)
	variables := v.Bind(ctx, in, budget)
	var out []annotation
	for i, one := range v.annotations {
		a := annotation{key: v.spec.AuditAnnotations[i].Key}
		value, err := one.Run(ctx, variables, budget)
		switch {
		case expression.Fatal(err):
			return nil, err
		case err != nil && fails(v.spec.FailurePolicy):
			a.err = err
		case err != nil || value == types.NullValue:
			continue
		default:
			text, ok := value.Value().(string)
			if a.value = strings.TrimSpace(text); ok && a.value == "" {
				continue
			}
			if !ok {
				a.err = errors.New("valueExpression '" + v.spec.AuditAnnotations[i].ValueExpression + "' resulted in unsupported return type: " +
					value.Type().TypeName() + ". Return type must be either string or null.")
			}
		}
		out = append(out, a)
	}
	return out, nil
}
