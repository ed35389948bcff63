package apiextensions

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Structural returns the structural form of a version's schema (KEP-1693).
func Structural(v *apiextensionsv1.CustomResourceDefinitionVersion) (*structuralschema.Structural, *apiextensions.JSONSchemaProps, error) {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return &structuralschema.Structural{}, nil, nil
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, nil, fmt.Errorf("read the schema of version %s: %w", v.Name, err)
	}
	s, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema of version %s: %w", v.Name, err)
	}
	return s, &internal, nil
}

// validateSchema checks a version's schema and returns its structural form, nil
// when it has none.
func validateSchema(v *version, unchanged bool, stored storedRules, path *field.Path) (*structuralschema.Structural, errorList) {
	var errs errorList
	if !unchanged {
		errs = append(errs, rootForm(v.Schema.OpenAPIV3Schema, v.Subresources != nil && v.Subresources.Status != nil, path)...)
		errs = append(errs, form(v.Schema.OpenAPIV3Schema, place{root: true}, path)...)
	}
	s, internal, err := Structural(v)
	if err != nil && len(errs) == 0 {
		errs = append(errs, field.Invalid(path, "", err.Error()))
	}
	if err != nil {
		return nil, errs
	}
	errs = append(structuralschema.ValidateStructural(path, s), errs...)
	if len(errs) > 0 {
		return nil, errs
	}
	problems, err := defaulting.ValidateDefaults(context.Background(), path, s, true, true)
	if err != nil {
		problems = append(problems, field.Invalid(path, "", err.Error()))
	}
	errs = append(errs, problems...)
	r := &rules{unchanged: unchanged, stored: stored}
	// What is wrong in its form cannot be compiled to something sensible.
	if r.form(s, path); len(r.errs) == 0 {
		r.node(node{schema: s, path: path, times: 1, root: true})
	}
	if r.total > maxTotalCost {
		for _, e := range r.expensive {
			r.errs = append(r.errs, field.Forbidden(e.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"))
		}
		r.errs = append(r.errs, field.Forbidden(path, tooCostly("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", r.total, maxTotalCost)))
	}
	if errs = append(errs, r.errs...); len(errs) == 0 {
		if _, _, err := schemavalidation.NewSchemaValidator(internal); err != nil {
			errs = append(errs, field.Invalid(path, "", "error building validator: "+err.Error()))
		}
	}
	return s, errs
}

// Bounds of the estimated cost of one CEL expression and of all of a schema
// (KEP-2876).
const (
	maxRuleCost  = 10_000_000
	maxTotalCost = 100_000_000
)

// rules checks the CEL rules of a schema, and what else concerns lists.
type rules struct {
	errs  errorList
	total uint64
	// expensive are the expressions that cost most, in descending order.
	expensive []expense
	// unchanged tells that the schema was accepted before.
	unchanged bool
	stored    storedRules
}

// node is one place of a schema.
type node struct {
	schema *structuralschema.Structural
	path   *field.Path
	// times is how often values of it may occur; zero means without bound.
	times uint64
	root  bool
	// uncorrelated is the list above whose items have no identity; nil if none.
	uncorrelated *field.Path
}

func (r *rules) node(n node) {
	r.list(n)
	if len(n.schema.XValidations) > 0 {
		r.compile(n)
	}
	if n.schema.Items != nil {
		item := node{schema: n.schema.Items, path: n.path.Child("items"), uncorrelated: n.uncorrelated}
		if v := n.schema.ValueValidation; v != nil {
			item.times = multiply(n.times, v.MaxItems)
		}
		if t := n.schema.XListType; t == nil || *t != "map" {
			item.uncorrelated = n.path
		}
		r.node(item)
	}
	if a := n.schema.AdditionalProperties; a != nil && a.Structural != nil {
		value := node{schema: a.Structural, path: n.path.Child("additionalProperties"), uncorrelated: n.uncorrelated}
		if v := n.schema.ValueValidation; v != nil {
			value.times = multiply(n.times, v.MaxProperties)
		}
		r.node(value)
	}
	for name := range n.schema.Properties {
		p := n.schema.Properties[name]
		property := node{schema: &p, path: n.path.Child("properties").Key(name), times: n.times, uncorrelated: n.uncorrelated}
		if !cel.MapIsCorrelatable(n.schema.XMapType) {
			property.uncorrelated = n.path
		}
		r.node(property)
	}
}

// list checks that the items of sets and maps can be told apart.
func (r *rules) list(n node) {
	s := n.schema
	if s.XListType == nil || *s.XListType == "atomic" || s.Items == nil {
		return
	}
	items := n.path.Child("items")
	if s.Items.Nullable {
		r.errs = append(r.errs, field.Forbidden(items.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is "+*s.XListType))
	}
	for _, key := range s.XListMapKeys {
		p, ok := s.Items.Properties[key]
		at := items.Child("properties").Key(key)
		switch required := s.Items.ValueValidation != nil && slices.Contains(s.Items.ValueValidation.Required, key); {
		case !ok:
			r.errs = append(r.errs, field.Invalid(n.path.Child("x-kubernetes-list-map-keys"), s.XListMapKeys, "entries must all be names of item properties"))
		case !required && p.Default.Object == nil:
			r.errs = append(r.errs, field.Required(at.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
		case p.Nullable:
			r.errs = append(r.errs, field.Forbidden(at.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
		}
	}
}

func (r *rules) compile(n node) {
	at := n.path.Child("x-kubernetes-validations")
	results, err := cel.Compile(n.schema, model.SchemaDeclType(n.schema, n.root || n.schema.XEmbeddedResource),
		celconfig.PerCallLimit, environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), r.stored)
	if err != nil {
		r.errs = append(r.errs, field.InternalError(at, err))
		return
	}
	for i := range results {
		r.result(n, i, &results[i], at.Index(i))
	}
}

func (r *rules) result(n node, i int, c *cel.CompilationResult, at *field.Path) {
	rule, given := at.Child("rule"), n.schema.XValidations[i]
	switch {
	case c.Error != nil && c.Error.Type == apiservercel.ErrorTypeRequired:
		r.errs = append(r.errs, field.Required(rule, c.Error.Detail))
	case c.Error != nil:
		r.errs = append(r.errs, field.Invalid(rule, shown(given), c.Error.Detail))
	case c.UsesOldSelf && n.uncorrelated != nil:
		r.errs = append(r.errs, field.Invalid(rule, given.Rule, fmt.Sprintf("oldSelf cannot be used on the uncorrelatable portion of the schema within %v", n.uncorrelated)))
	case !c.UsesOldSelf && given.OptionalOldSelf != nil:
		r.errs = append(r.errs, field.Invalid(at.Child("optionalOldSelf"), *given.OptionalOldSelf, "may not be set if oldSelf is not used in rule"))
	}
	if c.MessageExpressionError != nil {
		r.errs = append(r.errs, field.Invalid(at.Child("messageExpression"), shown(given), c.MessageExpressionError.Detail))
	}
	times := int64(min(c.MaxCardinality, math.MaxInt64))
	cost := multiply(c.MaxCost, &times)
	if n.times != 0 {
		times = int64(min(n.times, math.MaxInt64))
		cost = multiply(c.MaxCost, &times)
	}
	if cost > maxRuleCost && !r.unchanged {
		r.errs = append(r.errs, field.Forbidden(rule, tooCostly("estimated rule cost", cost, maxRuleCost)))
	}
	if c.MessageExpressionMaxCost > maxRuleCost && !r.unchanged {
		r.errs = append(r.errs, field.Forbidden(at.Child("messageExpression"), tooCostly("estimated messageExpression cost", c.MessageExpressionMaxCost, maxRuleCost)))
	}
	r.spend(rule, cost)
	if c.MessageExpressionError == nil && c.MessageExpression != nil {
		r.spend(at.Child("messageExpression"), c.MessageExpressionMaxCost)
	}
}

// expense is the estimated cost of one expression.
type expense struct {
	path *field.Path
	cost uint64
}

// maxExpensive bounds the expressions that a complaint about the total names.
const maxExpensive = 4

func (r *rules) spend(at *field.Path, cost uint64) {
	r.total = add(r.total, cost)
	if cost < maxTotalCost/100 {
		return
	}
	r.expensive = append(r.expensive, expense{at, cost})
	slices.SortStableFunc(r.expensive, func(a, b expense) int { return cmp.Compare(b.cost, a.cost) })
	r.expensive = r.expensive[:min(len(r.expensive), maxExpensive)]
}

// shown is a rule as Kubernetes shows it in a complaint: in its internal version.
func shown(rule apiextensionsv1.ValidationRule) any {
	return apiextensions.ValidationRule{Rule: rule.Rule, Message: rule.Message, MessageExpression: rule.MessageExpression,
		Reason: (*apiextensions.FieldValueErrorReason)(rule.Reason), FieldPath: rule.FieldPath, OptionalOldSelf: rule.OptionalOldSelf}
}

// multiply returns a*b, at most what a uint64 holds; zero, for "without bound",
// when b is missing.
func multiply(a uint64, b *int64) uint64 {
	if b == nil || a == 0 {
		return 0
	}
	n := uint64(max(*b, 0))
	if n != 0 && math.MaxUint64/n < a {
		return math.MaxUint64
	}
	return a * n
}

func add(a, b uint64) uint64 {
	if math.MaxUint64-a < b {
		return math.MaxUint64
	}
	return a + b
}

func tooCostly(what string, cost, limit uint64) string {
	factor := fmt.Sprintf("%.1fx", float64(cost)/float64(limit))
	if cost/limit > 100 {
		factor = "more than 100x"
	}
	return what + " exceeds budget by factor of " + factor + " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
}
