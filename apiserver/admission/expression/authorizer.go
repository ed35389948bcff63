package expression

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// asker puts the questions of expressions to Minke's authorizer.
type asker struct{ by authz.Authorizer }

var _ authorizer.UnconditionalAuthorizer = asker{}

// Authorize implements authorizer.UnconditionalAuthorizer.
func (k asker) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	u := a.GetUser()
	question := authz.Attributes{Verb: a.GetVerb(), Path: a.GetPath()}
	if a.IsResourceRequest() {
		question = authz.Attributes{
			Verb: a.GetVerb(), Group: a.GetAPIGroup(), Version: a.GetAPIVersion(), Resource: a.GetResource(),
			Subresource: a.GetSubresource(), Namespace: a.GetNamespace(), Name: a.GetName(),
		}
	}
	who := &inprocess.User{Name: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups(), Extra: u.GetExtra()}
	if allowed, reason := k.by.Allows(ctx, who, question); !allowed {
		return authorizer.DecisionNoOpinion, reason, nil
	}
	return authorizer.DecisionAllow, "", nil
}

func userOf(u *inprocess.User) user.Info {
	if u == nil {
		return &user.DefaultInfo{}
	}
	return &user.DefaultInfo{Name: u.Name, UID: u.UID, Groups: u.Groups, Extra: u.Extra}
}

// requestResource is what a write is about, for authorizer.requestResource.
type requestResource struct{ a *admission.Attributes }

func (r requestResource) GetName() string        { return r.a.Name }
func (r requestResource) GetNamespace() string   { return r.a.Namespace }
func (r requestResource) GetSubresource() string { return r.a.Subresource }
func (r requestResource) GetResource() schema.GroupVersionResource {
	return r.a.Version.Resource
}
