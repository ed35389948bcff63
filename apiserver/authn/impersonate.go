package authn

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

const (
	impersonateUser   = "Impersonate-User"
	impersonateUID    = "Impersonate-Uid"
	impersonateGroup  = "Impersonate-Group"
	impersonatePrefix = "Impersonate-Extra-"
)

// impersonate returns the user that the request's headers ask for, if by may
// act as that one, or by itself when nothing is asked. The headers are removed.
func (a *Authenticator) impersonate(r *http.Request, by *inprocess.User) (*inprocess.User, error) {
	wanted := &inprocess.User{
		Name: r.Header.Get(impersonateUser), UID: r.Header.Get(impersonateUID),
		Groups: slices.Clone(r.Header.Values(impersonateGroup)), Extra: extra(r.Header, impersonatePrefix),
	}
	if wanted.Name == "" && wanted.UID == "" && len(wanted.Groups) == 0 && len(wanted.Extra) == 0 {
		return by, nil
	}
	removeImpersonation(r.Header)
	if wanted.Name == "" {
		return nil, apierrors.NewBadRequest("requested impersonation of groups, uid or extra without impersonating a user")
	}
	for _, q := range impersonations(wanted) {
		if a.Authorize == nil {
			return nil, apierrors.NewForbidden(q.resource(), q.Name, fmt.Errorf("impersonation is not enabled"))
		}
		if err := a.Authorize(r.Context(), by, &q.Info); err != nil {
			return nil, err
		}
	}
	complete(wanted)
	request.AnnotationsFrom(r.Context()).SetImpersonator(by)
	return wanted, nil
}

func removeImpersonation(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Impersonate-") {
			h.Del(name)
		}
	}
}

// impersonation is one permission that is needed.
type impersonation struct{ request.Info }

func (i impersonation) resource() schema.GroupResource {
	return schema.GroupResource{Group: i.Group, Resource: i.Resource}
}

// impersonations lists what a user must be allowed to act as wanted.
func impersonations(wanted *inprocess.User) []impersonation {
	var out []impersonation
	ask := func(group, resource, sub, namespace, name string) {
		out = append(out, impersonation{request.Info{
			IsResource: true, Verb: "impersonate", Group: group, Version: "v1", Resource: resource,
			Subresource: sub, Namespace: namespace, Name: name,
		}})
	}
	if namespace, name, ok := splitAccount(wanted.Name); ok {
		ask("", "serviceaccounts", "", namespace, name)
	} else {
		ask("", "users", "", "", wanted.Name)
	}
	for _, g := range wanted.Groups {
		ask("", "groups", "", "", g)
	}
	if wanted.UID != "" {
		ask("authentication.k8s.io", "uids", "", "", wanted.UID)
	}
	for key, values := range wanted.Extra {
		for _, v := range values {
			ask("authentication.k8s.io", "userextras", key, "", v)
		}
	}
	return out
}

// complete adds the groups that the user would have had by itself.
func complete(user *inprocess.User) {
	if namespace, _, ok := splitAccount(user.Name); ok && len(user.Groups) == 0 {
		user.Groups = accountGroups(namespace)
	}
	group := Authenticated
	if user.Name == Anonymous {
		group = Unauthenticated
	}
	if !slices.Contains(user.Groups, Authenticated) && !slices.Contains(user.Groups, Unauthenticated) {
		user.Groups = append(user.Groups, group)
	}
}
