package authz

import (
	"fmt"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/api/inprocess"
)

// role is a Role or a ClusterRole.
type role struct {
	rules    []rbacv1.PolicyRule
	compiled rules
}

// binding is a RoleBinding or a ClusterRoleBinding.
type binding struct {
	namespace, name string
	ref             rbacv1.RoleRef
	subjects        []string
}

// grant is one role that applies to a user, or why it does not.
type grant struct {
	role *role
	err  error
	// by is the binding, to whom it was found for.
	by *binding
	to string
}

// policy is the index: who is bound by which bindings to which roles. Roles and
// bindings of the cluster have the namespace "".
//
//	bySubject: namespace -> "user:jane" | "group:dev" -> bindings
type policy struct {
	// mu guards all maps. What they hold is never changed, only replaced.
	mu        sync.RWMutex
	roles     map[types.NamespacedName]*role
	bindings  map[types.NamespacedName]*binding
	bySubject map[string]map[string]map[types.NamespacedName]*binding
}

func newPolicy() policy {
	return policy{
		roles:     map[types.NamespacedName]*role{},
		bindings:  map[types.NamespacedName]*binding{},
		bySubject: map[string]map[string]map[types.NamespacedName]*binding{},
	}
}

func (p *policy) setRole(name types.NamespacedName, rules []rbacv1.PolicyRule) {
	r := &role{rules: rules, compiled: compile(rules)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roles[name] = r
}

func (p *policy) dropRole(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.roles, name)
}

func (p *policy) setBinding(name types.NamespacedName, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
	b := &binding{namespace: name.Namespace, name: name.Name, ref: ref}
	for _, s := range subjects {
		if key := subjectKey(s, name.Namespace); key != "" {
			b.subjects = append(b.subjects, key)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unindex(name)
	p.bindings[name] = b
	inNamespace := p.bySubject[name.Namespace]
	if inNamespace == nil {
		inNamespace = map[string]map[types.NamespacedName]*binding{}
		p.bySubject[name.Namespace] = inNamespace
	}
	for _, key := range b.subjects {
		if inNamespace[key] == nil {
			inNamespace[key] = map[types.NamespacedName]*binding{}
		}
		inNamespace[key][name] = b
	}
}

func (p *policy) dropBinding(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unindex(name)
}

// unindex forgets a binding. p.mu is held.
func (p *policy) unindex(name types.NamespacedName) {
	b := p.bindings[name]
	if b == nil {
		return
	}
	delete(p.bindings, name)
	inNamespace := p.bySubject[name.Namespace]
	for _, key := range b.subjects {
		delete(inNamespace[key], name)
		if len(inNamespace[key]) == 0 {
			delete(inNamespace, key)
		}
	}
	if len(inNamespace) == 0 {
		delete(p.bySubject, name.Namespace)
	}
}

// subjectKey is how a subject is found from a user; empty for a kind that is
// not known.
func subjectKey(s rbacv1.Subject, namespace string) string {
	switch s.Kind {
	case rbacv1.UserKind:
		return "user:" + s.Name
	case rbacv1.GroupKind:
		return "group:" + s.Name
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		if namespace == "" {
			return ""
		}
		return "user:system:serviceaccount:" + namespace + ":" + s.Name
	}
	return ""
}

// visit calls f with each grant that user has in namespace, those of the whole
// cluster first, until f returns false.
func (p *policy) visit(user *inprocess.User, namespace string, f func(grant) bool) {
	keys := make([]string, 0, 1+len(user.Groups))
	keys = append(keys, "user:"+user.Name)
	for _, g := range user.Groups {
		keys = append(keys, "group:"+g)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if !p.visitIn("", keys, f) || namespace == "" {
		return
	}
	p.visitIn(namespace, keys, f)
}

func (p *policy) visitIn(namespace string, keys []string, f func(grant) bool) bool {
	inNamespace := p.bySubject[namespace]
	for _, key := range keys {
		for _, b := range inNamespace[key] {
			g := p.resolve(b)
			g.by, g.to = b, key
			if !f(g) {
				return false
			}
		}
	}
	return true
}

// resolve finds a binding's role. p.mu is held for reading.
func (p *policy) resolve(b *binding) grant {
	name := types.NamespacedName{Name: b.ref.Name}
	kind := "clusterrole"
	if b.ref.Kind == "Role" {
		name.Namespace, kind = b.namespace, "role"
	}
	if r := p.roles[name]; r != nil && (kind == "clusterrole" || b.namespace != "") {
		return grant{role: r}
	}
	return grant{err: fmt.Errorf("%s.rbac.authorization.k8s.io %q not found", kind, b.ref.Name)}
}
