package flowcontrol

import (
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// matches tells whether any of the rules speaks of the request. It allocates
// nothing: it runs for every schema that precedes the one that matches.
func matches(rules []flowcontrolv1.PolicyRulesWithSubjects, user *inprocess.User, info *request.Info) bool {
	for i := range rules {
		r := &rules[i]
		if !anySubject(r.Subjects, user) {
			continue
		}
		if !info.IsResource {
			if anyPath(r.NonResourceRules, info) {
				return true
			}
			continue
		}
		for j := range r.ResourceRules {
			if matchesResource(&r.ResourceRules[j], info) {
				return true
			}
		}
	}
	return false
}

func anySubject(subjects []flowcontrolv1.Subject, user *inprocess.User) bool {
	for i := range subjects {
		if isSubject(&subjects[i], user) {
			return true
		}
	}
	return false
}

func isSubject(s *flowcontrolv1.Subject, user *inprocess.User) bool {
	switch {
	case s.Kind == flowcontrolv1.SubjectKindUser && s.User != nil:
		return s.User.Name == flowcontrolv1.NameAll || s.User.Name == user.Name
	case s.Kind == flowcontrolv1.SubjectKindGroup && s.Group != nil:
		return s.Group.Name == flowcontrolv1.NameAll || slices.Contains(user.Groups, s.Group.Name)
	case s.Kind == flowcontrolv1.SubjectKindServiceAccount && s.ServiceAccount != nil:
		full, is := strings.CutPrefix(user.Name, "system:serviceaccount:")
		namespace, name, whole := strings.Cut(full, ":")
		return is && whole && namespace == s.ServiceAccount.Namespace &&
			(s.ServiceAccount.Name == flowcontrolv1.NameAll || name == s.ServiceAccount.Name)
	}
	return false
}

func matchesResource(r *flowcontrolv1.ResourcePolicyRule, info *request.Info) bool {
	if !has(r.Verbs, info.Verb) || !has(r.APIGroups, info.Group) || !hasResource(r.Resources, info.Resource, info.Subresource) {
		return false
	}
	if info.Namespace == "" {
		return r.ClusterScope
	}
	return has(r.Namespaces, info.Namespace)
}

// has tells whether list has the word, or is the wildcard.
func has(list []string, word string) bool {
	return len(list) == 1 && list[0] == "*" || slices.Contains(list, word)
}

// hasResource looks for "pods" or "pods/status".
func hasResource(list []string, resource, sub string) bool {
	if sub == "" {
		return has(list, resource)
	}
	for _, one := range list {
		if rest, ok := strings.CutPrefix(one, resource); ok && len(rest) > 1 && rest[0] == '/' && rest[1:] == sub {
			return true
		}
	}
	return len(list) == 1 && list[0] == "*"
}

// anyPath tells whether a rule names the path, or what it is below of.
func anyPath(rules []flowcontrolv1.NonResourcePolicyRule, info *request.Info) bool {
	for i := range rules {
		if !has(rules[i].Verbs, info.Verb) {
			continue
		}
		for _, p := range rules[i].NonResourceURLs {
			if p == "*" || p == info.Path || below(info.Path, p) {
				return true
			}
		}
	}
	return false
}

// below tells whether path is inside of the directory dir, which may be written
// "/a", "/a/" or "/a/*".
func below(path, dir string) bool {
	dir = strings.TrimSuffix(strings.TrimSuffix(dir, "*"), "/")
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}
