package authz

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rules is a compiled list of PolicyRules.
type rules []rule

// rule is a PolicyRule with its wildcards found once.
type rule struct {
	verbs, groups, resources set
	names, paths             []string
}

// set is a list of which one element may be "*".
type set struct {
	all   bool
	items []string
}

func compileSet(items []string) set {
	return set{all: slices.Contains(items, "*"), items: items}
}

func (s set) has(item string) bool { return s.all || slices.Contains(s.items, item) }

func compile(policy []rbacv1.PolicyRule) rules {
	out := make(rules, 0, len(policy))
	for _, p := range policy {
		out = append(out, rule{
			verbs: compileSet(p.Verbs), groups: compileSet(p.APIGroups), resources: compileSet(p.Resources),
			names: p.ResourceNames, paths: p.NonResourceURLs,
		})
	}
	return out
}

func (rs rules) allow(a Attributes) bool {
	for i := range rs {
		if rs[i].allows(a) {
			return true
		}
	}
	return false
}

func (r *rule) allows(a Attributes) bool {
	if !r.verbs.has(a.Verb) {
		return false
	}
	if a.Resource == "" {
		return r.allowsPath(a.Path)
	}
	return r.groups.has(a.Group) && r.allowsResource(a.Resource, a.Subresource) &&
		(len(r.names) == 0 || slices.Contains(r.names, a.Name))
}

// allowsResource knows "pods", "pods/log", "*/log" and "*".
func (r *rule) allowsResource(resource, sub string) bool {
	if r.resources.all {
		return true
	}
	for _, item := range r.resources.items {
		if sub == "" {
			if item == resource {
				return true
			}
			continue
		}
		of, its, _ := strings.Cut(item, "/")
		if its == sub && (of == resource || of == "*") {
			return true
		}
	}
	return false
}

// allowsPath knows whole paths, and prefixes that end in "*".
func (r *rule) allowsPath(path string) bool {
	for _, p := range r.paths {
		if p == "*" || p == path {
			return true
		}
		if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(path, strings.TrimRight(prefix, "*")) {
			return true
		}
	}
	return false
}
