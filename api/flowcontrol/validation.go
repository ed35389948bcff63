package flowcontrol

import (
	"fmt"
	"math"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The bounds of matchingPrecedence, and of the queues of a level.
const (
	maxPrecedence = 10000
	maxQueues     = 10 * 1000 * 1000
	maxEntropy    = 60 // bits that shuffle sharding may need
)

var (
	verbs   = []string{"*", "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}
	methods = []flowcontrolv1.FlowDistinguisherMethodType{flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType}
	spec    = field.NewPath("spec")
)

func validateFlowSchema(f *flowcontrolv1.FlowSchema) field.ErrorList {
	var errs field.ErrorList
	at, n := spec.Child("matchingPrecedence"), f.Spec.MatchingPrecedence
	switch {
	case n <= 0:
		errs = append(errs, field.Invalid(at, n, "must be a positive value"))
	case n > maxPrecedence:
		errs = append(errs, field.Invalid(at, n, fmt.Sprintf("must not be greater than %v", maxPrecedence)))
	case n == 1 && f.Name != flowcontrolv1.FlowSchemaNameExempt:
		errs = append(errs, field.Invalid(at, n, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	if d := f.Spec.DistinguisherMethod; d != nil && !slices.Contains(methods, d.Type) {
		errs = append(errs, field.NotSupported(spec.Child("distinguisherMethod", "type"), d.Type, methods))
	}
	level := spec.Child("priorityLevelConfiguration", "name")
	if name := f.Spec.PriorityLevelConfiguration.Name; name == "" {
		errs = append(errs, field.Required(level, "must reference a priority level"))
	} else {
		for _, msg := range apivalidation.NameIsDNSSubdomain(name, false) {
			errs = append(errs, field.Invalid(level, name, msg))
		}
	}
	for i := range f.Spec.Rules {
		errs = append(errs, validateRules(&f.Spec.Rules[i], spec.Child("rules").Index(i))...)
	}
	return append(errs, fixedSchema(f)...)
}

func validateRules(r *flowcontrolv1.PolicyRulesWithSubjects, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(r.Subjects) == 0 {
		errs = append(errs, field.Required(path.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range r.Subjects {
		errs = append(errs, validateSubject(&r.Subjects[i], path.Child("subjects").Index(i))...)
	}
	if len(r.ResourceRules)+len(r.NonResourceRules) == 0 {
		errs = append(errs, field.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i, rule := range r.ResourceRules {
		at := path.Child("resourceRules").Index(i)
		errs = append(errs, validateVerbs(rule.Verbs, at)...)
		errs = append(errs, atLeastOne(rule.APIGroups, at.Child("apiGroups"), "resource rules must supply at least one api group", "api groups")...)
		errs = append(errs, atLeastOne(rule.Resources, at.Child("resources"), "resource rules must supply at least one resource", "resources")...)
		if len(rule.Namespaces) == 0 && !rule.ClusterScope {
			errs = append(errs, field.Required(at.Child("namespaces"), "resource rules that are not cluster scoped must supply at least one namespace"))
		} else {
			errs = append(errs, validateNamespaces(rule.Namespaces, at.Child("namespaces"))...)
		}
	}
	for i, rule := range r.NonResourceRules {
		at := path.Child("nonResourceRules").Index(i)
		errs = append(errs, validateVerbs(rule.Verbs, at)...)
		urls := at.Child("nonResourceURLs")
		errs = append(errs, atLeastOne(rule.NonResourceURLs, urls, "nonResourceURLs must contain at least one value", "non-resource URLs")...)
		if slices.Contains(rule.NonResourceURLs, "*") {
			continue
		}
		for j, url := range rule.NonResourceURLs {
			if text := wrongURL(url); text != "" {
				errs = append(errs, field.Invalid(urls.Index(j), url, text))
			}
		}
	}
	return errs
}

func validateNamespaces(names []string, path *field.Path) field.ErrorList {
	if slices.Contains(names, "*") {
		return aloneIfAll(names, path, "namespaces")
	}
	var errs field.ErrorList
	for i, name := range names {
		for _, msg := range apivalidation.ValidateNamespaceName(name, false) {
			errs = append(errs, field.Invalid(path.Index(i), name, "each member of this list must be '*' or a DNS-1123 label; "+msg))
		}
	}
	return errs
}

// wrongURL says what is wrong with a path, of which the end may be "/*".
func wrongURL(path string) string {
	switch {
	case path == "":
		return "must not be empty"
	case !strings.HasPrefix(path, "/"):
		return "must start with slash"
	case strings.Contains(path, " "):
		return "must not contain white-space"
	case strings.Contains(path, "//"):
		return "must not contain double slash"
	case strings.Contains(strings.TrimSuffix(path, "/*"), "*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}

func validateVerbs(given []string, path *field.Path) field.ErrorList {
	errs := atLeastOne(given, path.Child("verbs"), "verbs must contain at least one value", "verbs")
	// The complaint does not tell of "*", which stands first.
	unknown := func(verb string) bool { return !slices.Contains(verbs, verb) }
	if !slices.Contains(given, "*") && slices.ContainsFunc(given, unknown) {
		errs = append(errs, field.NotSupported(path.Child("verbs"), given, verbs[1:]))
	}
	return errs
}

func atLeastOne(list []string, path *field.Path, missing, what string) field.ErrorList {
	if len(list) == 0 {
		return field.ErrorList{field.Required(path, missing)}
	}
	return aloneIfAll(list, path, what)
}

// aloneIfAll wants nothing beside "*", which stands for everything.
func aloneIfAll(list []string, path *field.Path, what string) field.ErrorList {
	if len(list) > 1 && slices.Contains(list, "*") {
		return field.ErrorList{field.Invalid(path, list, "if '*' is present, must not specify other "+what)}
	}
	return nil
}

func validateSubject(s *flowcontrolv1.Subject, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	known := false
	for _, c := range []struct {
		kind  flowcontrolv1.SubjectKind
		child string
		set   bool
	}{
		{flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", s.ServiceAccount != nil},
		{flowcontrolv1.SubjectKindUser, "user", s.User != nil},
		{flowcontrolv1.SubjectKindGroup, "group", s.Group != nil},
	} {
		known = known || c.kind == s.Kind
		if c.kind == s.Kind && !c.set {
			errs = append(errs, field.Required(path.Child(c.child), fmt.Sprintf("%s is required when subject kind is '%s'", c.child, c.kind)))
		}
		if c.kind != s.Kind && c.set {
			errs = append(errs, field.Forbidden(path.Child(c.child), fmt.Sprintf("%s is forbidden when subject kind is not '%s'", c.child, c.kind)))
		}
	}
	if !known {
		return field.ErrorList{field.NotSupported(path.Child("kind"), s.Kind, []string{"Group", "ServiceAccount", "User"})}
	}
	if u := s.User; u != nil && s.Kind == flowcontrolv1.SubjectKindUser && u.Name == "" {
		errs = append(errs, field.Required(path.Child("user", "name"), ""))
	}
	if g := s.Group; g != nil && s.Kind == flowcontrolv1.SubjectKindGroup && g.Name == "" {
		errs = append(errs, field.Required(path.Child("group", "name"), ""))
	}
	if a := s.ServiceAccount; a != nil && s.Kind == flowcontrolv1.SubjectKindServiceAccount {
		errs = append(errs, validateAccount(a, path.Child("serviceAccount"))...)
	}
	return errs
}

func validateAccount(a *flowcontrolv1.ServiceAccountSubject, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch a.Name {
	case "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case "*":
	default:
		for _, msg := range apivalidation.ValidateServiceAccountName(a.Name, false) {
			errs = append(errs, field.Invalid(path.Child("name"), a.Name, msg))
		}
	}
	if a.Namespace == "" {
		return append(errs, field.Required(path.Child("namespace"), "must specify namespace for service account"))
	}
	for _, msg := range apivalidation.ValidateNamespaceName(a.Namespace, false) {
		errs = append(errs, field.Invalid(path.Child("namespace"), a.Namespace, msg))
	}
	return errs
}

func validateFlowSchemaStatus(f, _ *flowcontrolv1.FlowSchema) field.ErrorList {
	var kinds []string
	for _, c := range f.Status.Conditions {
		kinds = append(kinds, string(c.Type))
	}
	return conditions(kinds)
}

func validateLevelStatus(p, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	var kinds []string
	for _, c := range p.Status.Conditions {
		kinds = append(kinds, string(c.Type))
	}
	return conditions(kinds)
}

// conditions have a type each, and no two the same.
func conditions(kinds []string) field.ErrorList {
	var errs field.ErrorList
	for i, kind := range kinds {
		at := field.NewPath("status", "conditions").Index(i).Child("type")
		if slices.Contains(kinds[:i], kind) {
			errs = append(errs, field.Duplicate(at, kind))
		}
		if kind == "" {
			errs = append(errs, field.Required(at, "must not be empty"))
		}
	}
	return errs
}

func validateLevel(p *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	var errs field.ErrorList
	kind := p.Spec.Type
	exempt := kind == flowcontrolv1.PriorityLevelEnablementExempt
	if exempt != (p.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt) {
		errs = append(errs, field.Invalid(spec.Child("type"), kind, "type must be 'Exempt' if and only if name is 'exempt'"))
	}
	switch kind {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if p.Spec.Limited != nil {
			errs = append(errs, field.Forbidden(spec.Child("limited"), "must be nil if the type is not Limited"))
		}
		if e := p.Spec.Exempt; e != nil {
			errs = append(errs, shares(e.NominalConcurrencyShares, e.LendablePercent, spec.Child("exempt"))...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if p.Spec.Exempt != nil {
			errs = append(errs, field.Forbidden(spec.Child("exempt"), "must be nil if the type is Limited"))
		}
		if p.Spec.Limited == nil {
			errs = append(errs, field.Required(spec.Child("limited"), "must not be empty when type is Limited"))
		} else {
			errs = append(errs, validateLimited(p.Spec.Limited, spec.Child("limited"))...)
		}
	default:
		errs = append(errs, field.NotSupported(spec.Child("type"), kind, []string{"Exempt", "Limited"}))
	}
	return append(errs, fixedLevel(p)...)
}

func shares(nominal, lendable *int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if nominal != nil && *nominal < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), *nominal, "must be a non-negative integer"))
	}
	if lendable != nil && (*lendable < 0 || *lendable > 100) {
		errs = append(errs, field.Invalid(path.Child("lendablePercent"), *lendable, "must be between 0 and 100, inclusive"))
	}
	return errs
}

func validateLimited(l *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) field.ErrorList {
	errs := shares(l.NominalConcurrencyShares, l.LendablePercent, path)
	if b := l.BorrowingLimitPercent; b != nil && *b < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *b, "if specified, must be a non-negative integer"))
	}
	response, q := path.Child("limitResponse"), l.LimitResponse.Queuing
	switch l.LimitResponse.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if q != nil {
			errs = append(errs, field.Forbidden(response.Child("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if q == nil {
			return append(errs, field.Required(response.Child("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
		}
		errs = append(errs, validateQueuing(q, response.Child("queuing"))...)
	default:
		errs = append(errs, field.NotSupported(response.Child("type"), l.LimitResponse.Type, []string{"Queue", "Reject"}))
	}
	return errs
}

func validateQueuing(q *flowcontrolv1.QueuingConfiguration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(path.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	if q.Queues <= 0 {
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, "must be positive"))
	} else if q.Queues > maxQueues {
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	at := path.Child("handSize")
	switch {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(at, q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(at, q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	case entropy(q.Queues, q.HandSize) > maxEntropy:
		errs = append(errs, field.Invalid(at, q.HandSize, fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxEntropy)))
	}
	return errs
}

// entropy is how many bits it takes to deal a hand of so many queues.
func entropy(queues, hand int32) int {
	bits := 0.0
	for i := range min(hand, 64) {
		bits += math.Log2(float64(queues - i))
	}
	return int(math.Ceil(bits))
}
