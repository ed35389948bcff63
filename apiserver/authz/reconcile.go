package authz

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"

	"minke/api"
)

// Reconcile returns what is stored (a bootstrap object of an earlier start, not
// changed) completed with what wanted has and it lacks, or nil when nothing is
// to be done. What an administrator added stays; with the autoupdate annotation
// set to "false" everything stays. A binding whose role was changed is left
// alone, for a roleRef cannot be updated.
func Reconcile(stored, wanted api.Object) api.Object {
	if stored.GetAnnotations()[AutoUpdate] == "false" {
		return nil
	}
	switch w := wanted.(type) {
	case *rbacv1.ClusterRole:
		out := stored.DeepCopyObject().(*rbacv1.ClusterRole)
		changed := addMeta(out, w)
		if w.AggregationRule != nil {
			if out.AggregationRule == nil {
				out.AggregationRule, changed = w.AggregationRule, true
			}
		} else if out.Rules, changed = addRules(out.Rules, w.Rules, changed); !changed {
			return nil
		}
		return orNil(out, changed)
	case *rbacv1.Role:
		out := stored.DeepCopyObject().(*rbacv1.Role)
		changed := addMeta(out, w)
		out.Rules, changed = addRules(out.Rules, w.Rules, changed)
		return orNil(out, changed)
	case *rbacv1.ClusterRoleBinding:
		out := stored.DeepCopyObject().(*rbacv1.ClusterRoleBinding)
		if out.RoleRef != w.RoleRef {
			return nil
		}
		changed := addMeta(out, w)
		out.Subjects, changed = addSubjects(out.Subjects, w.Subjects, changed)
		return orNil(out, changed)
	case *rbacv1.RoleBinding:
		out := stored.DeepCopyObject().(*rbacv1.RoleBinding)
		if out.RoleRef != w.RoleRef {
			return nil
		}
		changed := addMeta(out, w)
		out.Subjects, changed = addSubjects(out.Subjects, w.Subjects, changed)
		return orNil(out, changed)
	}
	return nil
}

func orNil(obj api.Object, changed bool) api.Object {
	if !changed {
		return nil
	}
	return obj
}

func addMeta(out, wanted api.Object) (changed bool) {
	labels, added := merge(out.GetLabels(), wanted.GetLabels())
	out.SetLabels(labels)
	annotations, more := merge(out.GetAnnotations(), wanted.GetAnnotations())
	out.SetAnnotations(annotations)
	return added || more
}

func merge(have, wanted map[string]string) (map[string]string, bool) {
	changed := false
	for k, v := range wanted {
		if have[k] == v {
			continue
		}
		if have == nil {
			have = map[string]string{}
		}
		have[k], changed = v, true
	}
	return have, changed
}

func addRules(have, wanted []rbacv1.PolicyRule, changed bool) ([]rbacv1.PolicyRule, bool) {
	if ok, missing := validation.Covers(have, wanted); !ok {
		return append(have, missing...), true
	}
	return have, changed
}

func addSubjects(have, wanted []rbacv1.Subject, changed bool) ([]rbacv1.Subject, bool) {
next:
	for _, w := range wanted {
		for _, h := range have {
			if h == w {
				continue next
			}
		}
		have, changed = append(have, w), true
	}
	return have, changed
}
