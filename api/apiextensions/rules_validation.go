package apiextensions

import (
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel/environment"

	expressions "minke/api/cel"
)

// reasons are those that a rule may refuse with.
var reasons = []apiextensions.FieldValueErrorReason{apiextensions.FieldValueDuplicate, apiextensions.FieldValueForbidden,
	apiextensions.FieldValueInvalid, apiextensions.FieldValueRequired}

// ruleForm checks what can be said of a schema's rule i, at at, without compiling it.
func ruleForm(s *schemaProps, i int, at *field.Path) errorList {
	const lines = "\r\n"
	var errs errorList
	rule := &s.XValidations[i]
	text, message := strings.TrimSpace(rule.Rule), strings.TrimSpace(rule.Message)
	switch {
	case text == "":
		errs = append(errs, field.Required(at.Child("rule"), "rule is not specified"))
	case rule.Message != "" && message == "":
		errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "must be non-empty if specified"))
	case strings.ContainsAny(message, lines):
		errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "must not contain line breaks"))
	case strings.ContainsAny(text, lines) && message == "":
		errs = append(errs, field.Required(at.Child("message"), "message must be specified if rule contains line breaks"))
	}
	if rule.MessageExpression != "" && strings.TrimSpace(rule.MessageExpression) == "" {
		errs = append(errs, field.Required(at.Child("messageExpression"), "messageExpression must be non-empty if specified"))
	}
	if rule.Reason != nil && !slices.Contains(reasons, *rule.Reason) {
		errs = append(errs, field.NotSupported(at.Child("reason"), *rule.Reason, reasons))
	}
	if err := expressions.CheckSize(rule.Rule); err != nil {
		errs = append(errs, field.Invalid(at.Child("rule"), *rule, err.Detail))
	}
	if err := expressions.CheckSize(rule.MessageExpression); err != nil {
		errs = append(errs, field.Invalid(at.Child("messageExpression"), *rule, err.Detail))
	}
	if rule.FieldPath == "" {
		return errs
	}
	invalid := func(problem string) {
		errs = append(errs, field.Invalid(at.Child("fieldPath"), rule.FieldPath, problem))
	}
	if strings.TrimSpace(rule.FieldPath) == "" {
		invalid("must be non-empty if specified")
	}
	if strings.ContainsAny(rule.FieldPath, lines) {
		invalid("must not contain line breaks")
	}
	if structural, err := structuralschema.NewStructural(s); err == nil {
		if _, _, err := cel.ValidFieldPath(rule.FieldPath, structural); err != nil {
			invalid("must be a valid path")
		}
	}
	return errs
}

// storedRules are the expressions that a definition had before: they may go on
// using what new ones may not.
type storedRules struct{ rules, messages sets.Set[string] }

var _ cel.EnvLoader = storedRules{}

func newStoredRules(old *internalSpec) storedRules {
	s := storedRules{sets.New[string](), sets.New[string]()}
	anySchema(old, func(p *schemaProps) bool {
		for i := range p.XValidations {
			s.rules.Insert(p.XValidations[i].Rule)
			s.messages.Insert(p.XValidations[i].MessageExpression)
		}
		return false
	})
	return s
}

// RuleEnv implements cel.EnvLoader.
func (s storedRules) RuleEnv(set *environment.EnvSet, text string) *celgo.Env {
	return environmentOf(set, s.rules.Has(text))
}

// MessageExpressionEnv implements cel.EnvLoader.
func (s storedRules) MessageExpressionEnv(set *environment.EnvSet, text string) *celgo.Env {
	return environmentOf(set, s.messages.Has(text))
}

func environmentOf(set *environment.EnvSet, stored bool) *celgo.Env {
	if stored {
		return set.StoredExpressionsEnv()
	}
	return set.NewExpressionsEnv()
}
