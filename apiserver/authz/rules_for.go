package authz

import (
	"errors"

	rbacv1 "k8s.io/api/rbac/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"minke/api/inprocess"
)

// Rules are what a user may do in a namespace, as far as it can be listed.
type Rules struct {
	Rules []rbacv1.PolicyRule
	// Incomplete tells that there may be more, by authorizers that cannot list.
	Incomplete bool
	// Err says why rules are missing.
	Err error
}

// RulesFor gathers the rules of all that by asks.
func RulesFor(by Authorizer, user *inprocess.User, namespace string) Rules {
	switch by := by.(type) {
	case Named:
		return RulesFor(by.Authorizer, user, namespace)
	case *Changing:
		return RulesFor(*by.now.Load(), user, namespace)
	case Union:
		var out Rules
		var failed []error
		for _, one := range by {
			r := RulesFor(one, user, namespace)
			out.Rules = append(out.Rules, r.Rules...)
			out.Incomplete = out.Incomplete || r.Incomplete
			if r.Err != nil {
				failed = append(failed, r.Err)
			}
		}
		out.Err = utilerrors.NewAggregate(failed)
		return out
	case *RBAC:
		rules, err := by.RulesFor(user, namespace)
		return Rules{Rules: rules, Err: err}
	case ABAC:
		return Rules{Rules: by.RulesFor(user, namespace)}
	case Everybody:
		return Rules{Rules: everything()}
	case Superusers, Nobody:
		// RBAC lists what masters may.
		return Rules{}
	case Node:
		if _, is := NodeName(user); !is {
			return Rules{}
		}
		return Rules{Incomplete: true, Err: errors.New("node authorizer does not support user rule resolution")}
	}
	return Rules{Incomplete: true, Err: errors.New("webhook authorizer does not support user rule resolution")}
}
