package admissionregistration

import (
	"fmt"
	"regexp"
	"strings"

	celgo "github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/cel"
)

// maxMatchConditions bounds the conditions of a webhook or policy (KEP-3716).
const maxMatchConditions = 64

// expressions checks those of one object. What the object before had may go on
// using what new expressions may not.
type expressions struct {
	stored sets.Set[string]
	// composed compiles what may name a policy's variables.
	composed *cel.Composed
	params   bool
	// alone tells that the policy has no variables, and "variables" no meaning.
	alone bool
}

// options are the variables of the policy's expressions.
func (e *expressions) options(authorizer, patch bool) cel.Admission {
	return cel.Admission{Params: e.params, Authorizer: authorizer, Patch: patch}
}

// check compiles text, which may name the policy's variables.
func (e *expressions) check(text string, options cel.Admission, at *field.Path, returns ...*celgo.Type) field.ErrorList {
	return complaint(at, text, e.compile(text, options, e.stored.Has(text), returns...))
}

func (e *expressions) compile(text string, options cel.Admission, stored bool, returns ...*celgo.Type) *cel.Error {
	var err *cel.Error
	if e.alone {
		_, err = options.Environment().Check(text, stored, returns...)
	} else {
		_, err = e.composed.Compile(text, options, stored, returns...)
	}
	return err
}

// complaint words why an expression does not compile.
func complaint(at *field.Path, text string, err *cel.Error) field.ErrorList {
	switch {
	case err == nil:
		return nil
	case err.Type == apiservercel.ErrorTypeRequired:
		return field.ErrorList{field.Required(at, err.Detail)}
	case err.Type == apiservercel.ErrorTypeInvalid:
		return field.ErrorList{field.Invalid(at, text, err.Detail)}
	}
	return field.ErrorList{field.InternalError(at, err)}
}

// matchConditions checks conditions, which may not name variables.
func (e *expressions) matchConditions(conditions []admissionregistrationv1.MatchCondition, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(conditions) > maxMatchConditions {
		errs = append(errs, field.TooMany(at, len(conditions), maxMatchConditions))
	}
	names := sets.New[string]()
	for i, c := range conditions {
		at := at.Index(i)
		if text := strings.TrimSpace(c.Expression); text == "" {
			errs = append(errs, field.Required(at.Child("expression"), ""))
		} else {
			_, err := e.options(true, false).Environment().Check(text, e.stored.Has(c.Expression), celgo.BoolType)
			errs = append(errs, complaint(at.Child("expression"), text, err)...)
		}
		if c.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		errs = append(errs, qualified(c.Name, at.Child("name"))...)
		if names.Has(c.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		names.Insert(c.Name)
	}
	return errs
}

func qualified(name string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(at, name, problem))
	}
	return errs
}

// identifier is the form of CEL's identifiers, reserved are those that it keeps
// for itself.
var (
	identifier = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)
	reserved   = sets.New("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
		"import", "let", "loop", "package", "namespace", "return", "var", "void", "while")
)

// variables declares the policy's own, each of which may name those before it.
func (e *expressions) variables(list []admissionregistrationv1.Variable, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, v := range list {
		at := at.Index(i)
		if strings.TrimSpace(v.Name) == "" {
			errs = append(errs, field.Required(at.Child("name"), "name is not specified"))
		} else if !identifier.MatchString(v.Name) || reserved.Has(v.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, "must be a valid CEL identifier"))
		}
		if strings.TrimSpace(v.Expression) == "" {
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
			continue
		}
		_, err := e.composed.Declare(v.Name, v.Expression, e.options(true, false), e.stored.Has(v.Expression))
		errs = append(errs, complaint(at.Child("expression"), v.Expression, err)...)
	}
	return errs
}

// Bounds of audit annotations (KEP-3488).
const (
	maxAuditAnnotations         = 20
	maxAuditAnnotationValueText = 5 * 1024
)

func (e *expressions) auditAnnotations(policy string, list []admissionregistrationv1.AuditAnnotation, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) > maxAuditAnnotations {
		errs = append(errs, field.Invalid(at, list, fmt.Sprintf("must not have more than %d auditAnnotations", maxAuditAnnotations)))
	}
	keys := sets.New[string]()
	for i, a := range list {
		at := at.Index(i)
		if policy == "" {
			errs = append(errs, field.Invalid(at.Child("key"), a.Key, "requires metadata.name be non-empty"))
		} else {
			errs = append(errs, qualified(policy+"/"+a.Key, at.Child("key"))...)
		}
		switch text := strings.TrimSpace(a.ValueExpression); {
		case text == "":
			errs = append(errs, field.Required(at.Child("valueExpression"), "valueExpression is not specified"))
		case len(text) > maxAuditAnnotationValueText:
			errs = append(errs, field.Required(at.Child("valueExpression"), fmt.Sprintf("must not exceed %d bytes in length", maxAuditAnnotationValueText)))
		default:
			err := e.compile(text, e.options(true, false), e.stored.Has(a.ValueExpression), celgo.StringType, celgo.NullType)
			errs = append(errs, complaint(at.Child("valueExpression"), a.ValueExpression, err)...)
		}
		if keys.Has(a.Key) {
			errs = append(errs, field.Duplicate(at.Child("key"), a.Key))
		}
		keys.Insert(a.Key)
	}
	return errs
}
