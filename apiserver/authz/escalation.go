package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/auth/rbac/validation"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
)

// Escalation is an admission mutator that changes nothing but comes, as the last
// one, before validation: nobody grants what he has not, unless
// he may escalate roles or bind them.
type Escalation struct {
	// RBAC knows the rules of users and roles.
	RBAC *RBAC
	// Authorizer answers whether a user may escalate or bind.
	Authorizer Authorizer
}

var _ admission.Mutator = (*Escalation)(nil)

// Admit implements admission.Mutator.
func (e *Escalation) Admit(ctx context.Context, a *admission.Attributes) error {
	if a.Operation == admission.Delete || a.Resource.Kind.Group != rbacv1.GroupName || a.User == nil {
		return nil
	}
	if slices.Contains(a.User.Groups, Masters) {
		return nil
	}
	if collects(a.Object, a.Old) {
		return nil
	}
	switch obj := a.Object.(type) {
	case *rbacv1.Role:
		return e.role(ctx, a, obj.Rules)
	case *rbacv1.ClusterRole:
		old, _ := a.Old.(*rbacv1.ClusterRole)
		return e.clusterRole(ctx, a, obj, old)
	case *rbacv1.RoleBinding:
		return e.bind(ctx, a, obj.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.bind(ctx, a, obj.RoleRef)
	}
	return nil
}

// collects tells whether an update changes nothing but owners and finalizers, as
// the garbage collector does, which holds no rights of others. Anything else may
// give rights: by a label a role becomes part of another one.
func collects(obj, old api.Object) bool {
	if obj == nil || old == nil {
		return false
	}
	same := obj.DeepCopyObject().(api.Object)
	same.SetOwnerReferences(old.GetOwnerReferences())
	same.SetFinalizers(old.GetFinalizers())
	same.SetManagedFields(old.GetManagedFields())
	// These are not the caller's to change.
	same.SetUID(old.GetUID())
	same.SetResourceVersion(old.GetResourceVersion())
	same.SetCreationTimestamp(old.GetCreationTimestamp())
	same.GetObjectKind().SetGroupVersionKind(old.GetObjectKind().GroupVersionKind())
	return equality.Semantic.DeepEqual(same, old)
}

// clusterRole also guards aggregation: what is gathered later cannot be
// compared now, so only who has everything may have it gathered.
func (e *Escalation) clusterRole(ctx context.Context, a *admission.Attributes, obj, old *rbacv1.ClusterRole) error {
	if err := e.role(ctx, a, obj.Rules); err != nil {
		return err
	}
	if !gathers(obj) && !gathers(old) || e.may(ctx, a, "escalate", rbacv1.RoleRef{Kind: "ClusterRole", Name: obj.Name}) {
		return nil
	}
	if err := e.covers(a.User, a.Namespace, everything()); err != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), obj.Name, errors.New("must have cluster-admin privileges to use the aggregationRule"))
	}
	return nil
}

// gathers tells whether a role's rules are those of others. Who takes that away
// could give it rules that no longer follow.
func gathers(r *rbacv1.ClusterRole) bool {
	return r != nil && r.AggregationRule != nil && len(r.AggregationRule.ClusterRoleSelectors) > 0
}

func (e *Escalation) role(ctx context.Context, a *admission.Attributes, rules []rbacv1.PolicyRule) error {
	kind := "Role"
	if a.Namespace == "" {
		kind = "ClusterRole"
	}
	if e.may(ctx, a, "escalate", rbacv1.RoleRef{Kind: kind, Name: a.Name}) {
		return nil
	}
	if err := e.covers(a.User, a.Namespace, rules); err != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
	}
	return nil
}

func (e *Escalation) bind(ctx context.Context, a *admission.Attributes, ref rbacv1.RoleRef) error {
	if e.may(ctx, a, "bind", ref) {
		return nil
	}
	e.RBAC.policy.mu.RLock()
	g := e.RBAC.policy.resolve(&binding{namespace: a.Namespace, ref: ref})
	e.RBAC.policy.mu.RUnlock()
	if g.err != nil {
		return apierrors.NewNotFound(a.Resource.GroupResource(), ref.Name)
	}
	if err := e.covers(a.User, a.Namespace, g.role.rules); err != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
	}
	return nil
}

// may asks for the verb on the role that is written or bound.
func (e *Escalation) may(ctx context.Context, a *admission.Attributes, verb string, ref rbacv1.RoleRef) bool {
	q := Attributes{Verb: verb, Group: rbacv1.GroupName, Version: "v1", Resource: "clusterroles", Namespace: a.Namespace, Name: ref.Name}
	if ref.Kind == "Role" {
		q.Resource = "roles"
	}
	allowed, _ := e.Authorizer.Allows(ctx, a.User, q)
	return allowed
}

// covers returns an error that names the rules which the user lacks.
func (e *Escalation) covers(user *inprocess.User, namespace string, wanted []rbacv1.PolicyRule) error {
	owned, missing := e.RBAC.RulesFor(user, namespace)
	ok, lacking := validation.Covers(owned, wanted)
	if ok {
		return nil
	}
	var compact []string
	for _, r := range compacted(lacking) {
		compact = append(compact, describe(r))
	}
	slices.Sort(compact)
	text := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s", user.Name, user.Groups, strings.Join(slices.Compact(compact), "\n"))
	if missing != nil {
		text += fmt.Sprintf("; resolution errors: [%v]", missing)
	}
	return errors.New(text)
}

// compacted joins the verbs of rules about the same single resource, and name of
// it, in their order.
func compacted(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	at := map[string]int{}
	for _, r := range rules {
		if len(r.APIGroups) != 1 || len(r.Resources) != 1 || len(r.ResourceNames) > 1 || len(r.NonResourceURLs) > 0 {
			out = append(out, r)
			continue
		}
		key := fmt.Sprintf("%q %q %q", r.APIGroups, r.Resources, r.ResourceNames)
		if i, ok := at[key]; ok {
			out[i].Verbs = append(out[i].Verbs, r.Verbs...)
			continue
		}
		at[key] = len(out)
		out = append(out, *r.DeepCopy())
	}
	return out
}

// describe writes a rule as Kubernetes does in this refusal.
func describe(r rbacv1.PolicyRule) string {
	var parts []string
	for _, p := range []struct {
		name   string
		values []string
	}{{"APIGroups", r.APIGroups}, {"Resources", r.Resources}, {"ResourceNames", r.ResourceNames}, {"NonResourceURLs", r.NonResourceURLs}, {"Verbs", r.Verbs}} {
		if len(p.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", p.name, p.values))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
