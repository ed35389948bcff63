package apiextensions

import (
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel/environment"

	expressions "minke/api/cel"
)

// reasons are those that a rule may refuse with.
var reasons = []apiextensionsv1.FieldValueErrorReason{apiextensionsv1.FieldValueDuplicate, apiextensionsv1.FieldValueForbidden,
	apiextensionsv1.FieldValueInvalid, apiextensionsv1.FieldValueRequired}

// form checks what can be said of a schema's rules without compiling them.
func (r *rules) form(s *structuralschema.Structural, path *field.Path) {
	at := path.Child("x-kubernetes-validations")
	for i := range s.XValidations {
		r.errs = append(r.errs, validateForm(&s.XValidations[i], s, at.Index(i))...)
	}
	if s.Items != nil {
		r.form(s.Items, path.Child("items"))
	}
	if a := s.AdditionalProperties; a != nil && a.Structural != nil {
		r.form(a.Structural, path.Child("additionalProperties"))
	}
	for name := range s.Properties {
		p := s.Properties[name]
		r.form(&p, path.Child("properties").Key(name))
	}
}

func validateForm(rule *apiextensionsv1.ValidationRule, s *structuralschema.Structural, at *field.Path) errorList {
	const lines = "\r\n"
	var errs errorList
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
		errs = append(errs, field.Invalid(at.Child("rule"), shown(*rule), err.Detail))
	}
	if err := expressions.CheckSize(rule.MessageExpression); err != nil {
		errs = append(errs, field.Invalid(at.Child("messageExpression"), shown(*rule), err.Detail))
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
	if _, _, err := cel.ValidFieldPath(rule.FieldPath, s); err != nil {
		invalid("must be a valid path")
	}
	return errs
}

// storedRules are the expressions that a definition had before: they may go on
// using what new ones may not.
type storedRules struct{ rules, messages sets.Set[string] }

var _ cel.EnvLoader = storedRules{}

func newStoredRules(old *definition) storedRules {
	s := storedRules{sets.New[string](), sets.New[string]()}
	if old == nil {
		return s
	}
	for _, v := range old.Spec.Versions {
		if v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			s.collect(v.Schema.OpenAPIV3Schema)
		}
	}
	return s
}

func (s storedRules) collect(p *apiextensionsv1.JSONSchemaProps) {
	for _, rule := range p.XValidations {
		s.rules.Insert(rule.Rule)
		s.messages.Insert(rule.MessageExpression)
	}
	if p.Items != nil && p.Items.Schema != nil {
		s.collect(p.Items.Schema)
	}
	if p.AdditionalProperties != nil && p.AdditionalProperties.Schema != nil {
		s.collect(p.AdditionalProperties.Schema)
	}
	for name := range p.Properties {
		property := p.Properties[name]
		s.collect(&property)
	}
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
