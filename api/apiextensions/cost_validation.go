package apiextensions

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Bounds of the estimated cost of one CEL expression and of all of a schema
// (KEP-2876).
const (
	maxRuleCost  = 10_000_000
	maxTotalCost = 100_000_000
)

// celPlace is where in a schema rules are compiled.
type celPlace struct {
	schema     *schemaProps
	structural *structuralschema.Structural
	// object tells that values have a kind and metadata.
	object bool
	// times is how often values of it may occur; nil means without bound.
	times *uint64
	// parent is nil at the root and below what has no rules; with it, the types of this
	// place are those that the rules above see, which child finds among them.
	parent *celPlace
	child  func(*apiservercel.DeclType) *apiservercel.DeclType
	known  *apiservercel.DeclType
}

func rootPlace(s *schemaProps, structural *structuralschema.Structural) *celPlace {
	once := uint64(1)
	return &celPlace{schema: s, structural: structural, object: true, times: &once}
}

// within returns the place of a schema inside; nil for nil.
func (p *celPlace) within(s *schemaProps, structural *structuralschema.Structural, child func(*apiservercel.DeclType) *apiservercel.DeclType) *celPlace {
	if p == nil || s == nil || structural == nil {
		return nil
	}
	inner := &celPlace{schema: s, structural: structural, object: s.XEmbeddedResource, times: p.timesWithin()}
	if p.parent != nil || len(p.schema.XValidations) > 0 {
		inner.parent, inner.child = p, child
	}
	return inner
}

func (p *celPlace) property(name string, s *schemaProps) *celPlace {
	if p == nil {
		return nil
	}
	structural, ok := p.structural.Properties[name]
	if !ok {
		return nil
	}
	return p.within(s, &structural, func(of *apiservercel.DeclType) *apiservercel.DeclType {
		escaped, ok := apiservercel.Escape(name)
		if f := of.Fields[escaped]; ok && f != nil {
			return f.Type
		}
		return nil
	})
}

func (p *celPlace) items(s *schemaProps) *celPlace {
	if p == nil {
		return nil
	}
	return p.within(s, p.structural.Items, element)
}

func (p *celPlace) values(s *schemaProps) *celPlace {
	if p == nil || p.structural.AdditionalProperties == nil {
		return nil
	}
	return p.within(s, p.structural.AdditionalProperties.Structural, element)
}

func element(of *apiservercel.DeclType) *apiservercel.DeclType { return of.ElemType }

// timesWithin is how often what is in values of the place may occur.
func (p *celPlace) timesWithin() *uint64 {
	bound := int64(1)
	switch {
	case p.times == nil:
		return nil
	case p.schema.Type == "array" && p.schema.MaxItems != nil:
		bound = max(*p.schema.MaxItems, 0)
	case p.schema.Type == "object" && p.schema.AdditionalProperties != nil && p.schema.MaxProperties != nil:
		bound = max(*p.schema.MaxProperties, 0)
	case p.schema.Type == "array", p.schema.Type == "object" && p.schema.AdditionalProperties != nil:
		return nil
	}
	n := multiply(*p.times, uint64(bound))
	return &n
}

// declaration returns the type that rules of the place see.
func (p *celPlace) declaration() (*apiservercel.DeclType, error) {
	if p.known != nil {
		return p.known, nil
	}
	if p.parent != nil {
		above, err := p.parent.declaration()
		if err != nil {
			return nil, err
		}
		if p.known = p.child(above); p.known != nil {
			return p.known, nil
		}
	}
	if p.known = model.SchemaDeclType(p.structural, p.object); p.known == nil {
		return nil, errors.New("unable to convert structural schema to CEL declarations")
	}
	return p.known, nil
}

// compile compiles the rules of a schema. Uncorrelated is the list or map above whose
// items have no identity; nil if there is none.
func (c *schemaCheck) compile(p *celPlace, uncorrelated, path *field.Path) errorList {
	at := path.Child("x-kubernetes-validations")
	declared, err := p.declaration()
	if err != nil {
		return errorList{field.InternalError(at, fmt.Errorf("internal error: failed to construct type information for x-kubernetes-validations rules: %w", err))}
	}
	results, err := cel.Compile(p.structural, declared, celconfig.PerCallLimit, environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), c.lenient.stored)
	if err != nil {
		return errorList{field.InternalError(at, err)}
	}
	var errs errorList
	for i := range results {
		errs = append(errs, c.result(p, i, &results[i], uncorrelated, at.Index(i))...)
	}
	return errs
}

func (c *schemaCheck) result(p *celPlace, i int, r *cel.CompilationResult, uncorrelated, at *field.Path) errorList {
	var errs errorList
	rule, expression, given := at.Child("rule"), at.Child("messageExpression"), p.schema.XValidations[i]
	cost := multiply(r.MaxCost, r.MaxCardinality)
	if p.times != nil {
		cost = multiply(r.MaxCost, *p.times)
	}
	spend := func(at *field.Path, what string, cost uint64) {
		if cost > maxRuleCost && !c.unchanged {
			errs = append(errs, field.Forbidden(at, tooCostly("estimated "+what+" cost", cost, maxRuleCost)))
		}
		c.cost.spend(at, cost)
	}
	spend(rule, "rule", cost)
	switch {
	case r.Error != nil && r.Error.Type == apiservercel.ErrorTypeRequired:
		errs = append(errs, field.Required(rule, r.Error.Detail))
	case r.Error != nil:
		errs = append(errs, field.Invalid(rule, given, r.Error.Detail))
	}
	switch {
	case r.MessageExpressionError != nil:
		errs = append(errs, field.Invalid(expression, given, r.MessageExpressionError.Detail))
	case r.MessageExpression != nil:
		spend(expression, "messageExpression", r.MessageExpressionMaxCost)
	}
	switch {
	case r.UsesOldSelf && uncorrelated != nil:
		errs = append(errs, field.Invalid(rule, given.Rule, fmt.Sprintf("oldSelf cannot be used on the uncorrelatable portion of the schema within %v", uncorrelated)))
	case !r.UsesOldSelf && given.OptionalOldSelf != nil:
		errs = append(errs, field.Invalid(at.Child("optionalOldSelf"), *given.OptionalOldSelf, "may not be set if oldSelf is not used in rule"))
	}
	return errs
}

// totalCost is the estimated cost of all rules of a schema.
type totalCost struct {
	total uint64
	// expensive are the expressions that cost most, in descending order.
	expensive []expense
}

// expense is the estimated cost of one expression.
type expense struct {
	path *field.Path
	cost uint64
}

// maxExpensive bounds the expressions that a complaint about the total names.
const maxExpensive = 4

func (t *totalCost) spend(at *field.Path, cost uint64) {
	t.total = add(t.total, cost)
	if cost < maxTotalCost/100 {
		return
	}
	t.expensive = append(t.expensive, expense{at, cost})
	slices.SortStableFunc(t.expensive, func(a, b expense) int { return cmp.Compare(b.cost, a.cost) })
	t.expensive = t.expensive[:min(len(t.expensive), maxExpensive)]
}

func (t *totalCost) check(path *field.Path) errorList {
	if t.total <= maxTotalCost {
		return nil
	}
	var errs errorList
	for _, e := range t.expensive {
		errs = append(errs, field.Forbidden(e.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"))
	}
	return append(errs, field.Forbidden(path, tooCostly("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", t.total, maxTotalCost)))
}

// multiply returns a*b, at most what a uint64 holds.
func multiply(a, b uint64) uint64 {
	if a != 0 && math.MaxUint64/a < b {
		return math.MaxUint64
	}
	return a * b
}

func add(a, b uint64) uint64 {
	if math.MaxUint64-a < b {
		return math.MaxUint64
	}
	return a + b
}

func tooCostly(what string, cost, limit uint64) string {
	times := float64(cost) / float64(limit)
	factor := fmt.Sprintf("%.1fx", times)
	switch {
	case times > 100:
		factor = "more than 100x"
	case times < 1.5:
		factor = fmt.Sprintf("%fx", times) // not "1.0x"
	}
	return what + " exceeds budget by factor of " + factor + " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
}
