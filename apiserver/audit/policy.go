package audit

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/yaml"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Policy says how much of a request is told. The first rule that matches holds;
// a request that none matches is not told.
type Policy struct {
	rules    []auditv1.PolicyRule
	decision []decision // of each rule
}

// decision is what a rule says.
type decision struct {
	level     auditv1.Level
	omit      map[auditv1.Stage]bool
	unmanaged bool // without managedFields
}

var nothing = decision{level: auditv1.LevelNone}

// Load reads a Policy from a file of audit.k8s.io/v1.
func Load(file string) (*Policy, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read audit policy: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read audit policy %s: %w", file, err)
	}
	return p, nil
}

// Parse reads a Policy. Unknown fields are errors.
func Parse(data []byte) (*Policy, error) {
	var given auditv1.Policy
	if err := yaml.UnmarshalStrict(data, &given); err != nil {
		return nil, err
	}
	if want := (metav1.TypeMeta{Kind: "Policy", APIVersion: auditv1.SchemeGroupVersion.String()}); given.TypeMeta != want {
		return nil, fmt.Errorf("it is a %s %s, want a %s %s", given.APIVersion, given.Kind, want.APIVersion, want.Kind)
	}
	if errs := validate(&given); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	if len(given.Rules) == 0 {
		return nil, fmt.Errorf("it has no rules")
	}
	p := &Policy{rules: given.Rules}
	for i := range given.Rules {
		r := &given.Rules[i]
		d := decision{level: r.Level, omit: map[auditv1.Stage]bool{}, unmanaged: given.OmitManagedFields}
		for _, stage := range append(slices.Clone(given.OmitStages), r.OmitStages...) {
			d.omit[stage] = true
		}
		if r.OmitManagedFields != nil {
			d.unmanaged = *r.OmitManagedFields
		}
		p.decision = append(p.decision, d)
	}
	return p, nil
}

// decide finds the rule of a request. user is nil for one that nobody answers
// for.
func (p *Policy) decide(user *inprocess.User, info *request.Info) decision {
	for i := range p.rules {
		if ruleMatches(&p.rules[i], user, info) {
			return p.decision[i]
		}
	}
	return nothing
}

func ruleMatches(r *auditv1.PolicyRule, user *inprocess.User, info *request.Info) bool {
	if len(r.Users) > 0 && (user == nil || !slices.Contains(r.Users, user.Name)) {
		return false
	}
	if len(r.UserGroups) > 0 && (user == nil || !slices.ContainsFunc(user.Groups, func(g string) bool { return slices.Contains(r.UserGroups, g) })) {
		return false
	}
	if len(r.Verbs) > 0 && !slices.Contains(r.Verbs, info.Verb) {
		return false
	}
	if len(r.Namespaces) > 0 || len(r.Resources) > 0 {
		return info.IsResource && matchesResource(r, info)
	}
	if len(r.NonResourceURLs) > 0 {
		return !info.IsResource && slices.ContainsFunc(r.NonResourceURLs, func(u string) bool { return matchesPath(u, info.Path) })
	}
	return true
}

// matchesPath compares a path with "/a", or "/a*" for all that begins so.
func matchesPath(rule, path string) bool {
	begin, any := strings.CutSuffix(rule, "*")
	return rule == path || any && strings.HasPrefix(path, begin)
}

func matchesResource(r *auditv1.PolicyRule, info *request.Info) bool {
	if len(r.Namespaces) > 0 && !slices.Contains(r.Namespaces, info.Namespace) {
		return false
	}
	if len(r.Resources) == 0 {
		return true
	}
	for i := range r.Resources {
		g := &r.Resources[i]
		if g.Group != info.Group && g.Group != "*" {
			continue
		}
		if len(g.Resources) == 0 {
			return true
		}
		if len(g.ResourceNames) > 0 && !slices.Contains(g.ResourceNames, info.Name) {
			continue
		}
		if slices.ContainsFunc(g.Resources, func(name string) bool { return namesResource(name, info) }) {
			return true
		}
	}
	return false
}

// namesResource compares "pods", "pods/log", "pods/*", "*/scale" or "*" with
// what the request is about. "pods" does not cover its subresources.
func namesResource(name string, info *request.Info) bool {
	resource, sub, divided := strings.Cut(name, "/")
	switch {
	case name == "*":
		return true
	case !divided:
		return info.Resource == resource && info.Subresource == ""
	case resource == "*":
		return info.Subresource != "" && info.Subresource == sub
	}
	return info.Resource == resource && (sub == "*" || info.Subresource == sub)
}

var (
	levels = []auditv1.Level{auditv1.LevelNone, auditv1.LevelMetadata, auditv1.LevelRequest, auditv1.LevelRequestResponse}
	stages = []auditv1.Stage{auditv1.StageRequestReceived, auditv1.StageResponseStarted, auditv1.StageResponseComplete, auditv1.StagePanic}
)

func validate(p *auditv1.Policy) field.ErrorList {
	errs := validateStages(p.OmitStages, field.NewPath("omitStages"))
	for i := range p.Rules {
		errs = append(errs, validateRule(&p.Rules[i], field.NewPath("rules").Index(i))...)
	}
	return errs
}

func validateRule(r *auditv1.PolicyRule, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case r.Level == "":
		errs = append(errs, field.Required(at.Child("level"), ""))
	case !slices.Contains(levels, r.Level):
		errs = append(errs, field.NotSupported(at.Child("level"), r.Level, levels))
	}
	for i, url := range r.NonResourceURLs {
		if url == "*" {
			continue
		}
		if !strings.HasPrefix(url, "/") {
			errs = append(errs, field.Invalid(at.Child("nonResourceURLs").Index(i), url, "non-resource URL rules must begin with a '/' character"))
		}
		if star := strings.IndexByte(url, '*'); star >= 0 && star < len(url)-1 {
			errs = append(errs, field.Invalid(at.Child("nonResourceURLs").Index(i), url, "non-resource URL wildcards '*' must be the final character of the rule"))
		}
	}
	for _, g := range r.Resources {
		if g.Group != "" && g.Group != "*" {
			if problems := validation.NameIsDNSSubdomain(g.Group, false); len(problems) > 0 {
				errs = append(errs, field.Invalid(at.Child("resources", "group"), g.Group, strings.Join(problems, ",")))
			}
		}
		if len(g.ResourceNames) > 0 && len(g.Resources) == 0 {
			errs = append(errs, field.Invalid(at.Child("resources", "resourceNames"), g.ResourceNames, "using resourceNames requires at least one resource"))
		}
	}
	if len(r.NonResourceURLs) > 0 && (len(r.Resources) > 0 || len(r.Namespaces) > 0) {
		errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
	}
	return append(errs, validateStages(r.OmitStages, at.Child("omitStages"))...)
}

func validateStages(given []auditv1.Stage, at *field.Path) (errs field.ErrorList) {
	for i, s := range given {
		if !slices.Contains(stages, s) {
			errs = append(errs, field.Invalid(at.Index(i), string(s), "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"))
		}
	}
	return errs
}
