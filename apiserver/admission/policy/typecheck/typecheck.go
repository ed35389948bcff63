// Package typecheck compares the expressions of ValidatingAdmissionPolicies with
// the types of the objects that they match, and notes in a policy's status what
// cannot be right (KEP-3488). What is noted changes nothing about the policy.
package typecheck

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/cel"
)

// maxTypes bounds the types that a policy is compared with.
const maxTypes = 10

// Types knows what is served.
type Types interface {
	// KindOf returns the kind of a resource's objects; ok is false for what is
	// not served.
	KindOf(resource schema.GroupVersionResource) (kind schema.GroupVersionKind, ok bool)
	// Declaration describes a kind's objects under a name; nil if nothing is
	// known of them.
	Declaration(kind schema.GroupVersionKind, name string) *cel.Declaration
}

// Check returns what is wrong with the policy's validations.
func Check(p *admissionregistrationv1.ValidatingAdmissionPolicy, types Types) []admissionregistrationv1.ExpressionWarning {
	var compilers []compiler
	for _, kind := range matched(p.Spec.MatchConstraints, types) {
		if object := types.Declaration(kind, kind.Kind); object != nil {
			compilers = append(compilers, newCompiler(p, kind, object, types))
		}
	}
	var warnings []admissionregistrationv1.ExpressionWarning
	add := func(at *field.Path, text string) {
		if text == "" {
			return
		}
		var problems []string
		for _, c := range compilers {
			if problem := c.check(text); problem != "" {
				problems = append(problems, problem)
			}
		}
		if len(problems) > 0 {
			warnings = append(warnings, admissionregistrationv1.ExpressionWarning{FieldRef: at.String(), Warning: strings.Join(problems, "\n")})
		}
	}
	for i, v := range p.Spec.Validations {
		at := field.NewPath("spec", "validations").Index(i)
		add(at.Child("expression"), v.Expression)
		add(at.Child("messageExpression"), v.MessageExpression)
	}
	return warnings
}

// matched returns the kinds that the rules name outright, in order.
func matched(m *admissionregistrationv1.MatchResources, types Types) []schema.GroupVersionKind {
	if m == nil {
		return nil
	}
	found := map[schema.GroupVersionKind]bool{}
	for _, r := range m.ResourceRules {
		collect(r.Rule, types, found)
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
}

func collect(r admissionregistrationv1.Rule, types Types, found map[schema.GroupVersionKind]bool) {
	if slices.Contains(r.APIGroups, "*") || slices.Contains(r.APIVersions, "*") {
		return
	}
	for _, group := range r.APIGroups {
		for _, version := range r.APIVersions {
			for _, resource := range r.Resources {
				if strings.ContainsAny(resource, "*/") || len(found) >= maxTypes {
					continue
				}
				at := schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
				if kind, ok := types.KindOf(at); ok {
					found[kind] = true
				}
			}
		}
	}
}

// compiler compiles a policy's expressions with one type of objects.
type compiler struct {
	kind    schema.GroupVersionKind
	with    *cel.Composed
	options cel.Admission
}

func newCompiler(p *admissionregistrationv1.ValidatingAdmissionPolicy, kind schema.GroupVersionKind, object *cel.Declaration, types Types) compiler {
	c := compiler{kind: kind, options: cel.Admission{Authorizer: true, Params: p.Spec.ParamKind != nil}}
	var params *cel.Declaration
	if k := p.Spec.ParamKind; k != nil {
		// It may be of the very kind that objects are.
		params = types.Declaration(schema.FromAPIVersionAndKind(k.APIVersion, k.Kind), k.Kind+"Params")
	}
	c.with = cel.NewTyped(object, params)
	for _, v := range p.Spec.Variables {
		// What is wrong with it shows where it is named.
		_, _ = c.with.Declare(v.Name, v.Expression, c.options, true)
	}
	return c
}

// check returns what is wrong with an expression, or "".
func (c compiler) check(text string) string {
	_, err := c.with.Compile(text, c.options, true, celgo.AnyType)
	var compilation *apiservercel.CompilationError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &compilation):
		return fmt.Sprintf("%v: %s\n", c.kind, compilation.Issues)
	}
	return fmt.Sprintf("%v: type checking error: %v\n", c.kind, err)
}
