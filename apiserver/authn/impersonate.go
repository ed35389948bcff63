package authn

import (
	"context"
	"errors"
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
	if !asked(r.Header) {
		return by, nil
	}
	wanted := &inprocess.User{
		Name: r.Header.Get(impersonateUser), UID: r.Header.Get(impersonateUID),
		Groups: slices.Clone(r.Header.Values(impersonateGroup)), Extra: extra(r.Header, impersonatePrefix),
	}
	if wanted.Name == "" && wanted.UID == "" && len(wanted.Groups) == 0 && len(wanted.Extra) == 0 {
		return by, nil
	}
	removeImpersonation(r.Header)
	if wanted.Name == "" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf(
			"requested &user.DefaultInfo{Name:\"\", UID:%q, Groups:%#v, Extra:%#v} without impersonating a user name", wanted.UID, wanted.Groups, wanted.Extra))
	}
	if a.Authorize == nil {
		return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "users"}, wanted.Name, errors.New("impersonation is not enabled"))
	}
	as, err := a.act(r.Context(), by, wanted, request.Parse(r))
	if err != nil {
		return nil, err
	}
	request.AnnotationsFrom(r.Context()).SetImpersonator(by)
	return as, nil
}

// act returns wanted, completed, if by may act as that one in some way. The
// narrowest ways are tried first (KEP-5284), that of old last; when none is
// open the first refusal counts.
func (a *Authenticator) act(ctx context.Context, by, wanted *inprocess.User, info *request.Info) (*inprocess.User, error) {
	var first error
	for _, way := range constrained {
		if !way.applies(by, wanted) {
			continue
		}
		as, err := way.act(ctx, a.Authorize, by, wanted, info)
		if err == nil {
			return as, nil
		}
		if first == nil {
			first = err
		}
	}
	for _, q := range impersonations(wanted) {
		if err := a.Authorize(ctx, by, &q); err != nil {
			if first != nil {
				err = first
			}
			return nil, err
		}
	}
	as := *wanted
	complete(&as)
	return &as, nil
}

const impersonation = "Impersonate-"

// asked tells whether h may name somebody to act as.
func asked(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, impersonation) {
			return true
		}
	}
	return false
}

func removeImpersonation(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, impersonation) {
			h.Del(name)
		}
	}
}

// impersonations lists what a user must be allowed to act as wanted.
func impersonations(wanted *inprocess.User) []request.Info {
	var out []request.Info
	ask := func(group, resource, sub, namespace, name string) {
		out = append(out, request.Info{
			IsResource: true, Verb: "impersonate", Group: group, Version: "v1", Resource: resource,
			Subresource: sub, Namespace: namespace, Name: name,
		})
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
