// Package authz decides who may do what: role-based access control
// (rbac.authorization.k8s.io/v1) over an index of roles and bindings that
// follows the stored objects, the narrower rules for nodes, the policies of a file
// (ABAC), other servers that are asked (webhooks), and the roles that every cluster starts with.
package authz

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Attributes is one question: may a user do this?
type Attributes struct {
	Verb string
	// Resource is empty for a question about a Path.
	Group, Version, Resource, Subresource string
	// Namespace is empty for all namespaces and for what has none.
	Namespace, Name string
	// FieldSelector and LabelSelector narrow a list, watch or deletecollection.
	FieldSelector fields.Requirements
	LabelSelector labels.Requirements
	// Path is the URL path of a request that is not about a resource.
	Path string
}

// AttributesOf returns the question that a request puts.
func AttributesOf(info *request.Info) Attributes {
	if !info.IsResource {
		return Attributes{Verb: info.Verb, Path: info.Path}
	}
	a := Attributes{
		Verb: info.Verb, Group: info.Group, Version: info.Version, Resource: info.Resource,
		Subresource: info.Subresource, Namespace: info.Namespace, Name: info.Name,
	}
	a.selectors(info)
	// A namespace is inside itself: a Role in it can grant it.
	if a.Group == "" && a.Resource == "namespaces" && a.Namespace == "" {
		a.Namespace = a.Name
	}
	return a
}

// Authorizer answers questions. The reason explains a refusal that has another
// cause than a missing rule; it may be empty.
type Authorizer interface {
	Allows(ctx context.Context, user *inprocess.User, a Attributes) (allowed bool, reason string)
}

// Authorize returns nil, or the Forbidden error that Kubernetes would give.
func Authorize(ctx context.Context, by Authorizer, user *inprocess.User, info *request.Info) error {
	if user == nil {
		return apierrors.NewUnauthorized("Unauthorized")
	}
	a := AttributesOf(info)
	decision, reason, err := Decide(ctx, by, user, a)
	annotate(ctx, a, decision == Allow, reason)
	switch {
	case decision == Allow:
		return nil
	case err != nil:
		return apierrors.NewInternalError(err)
	}
	return Forbidden(user, a, reason)
}

// annotate tells the audit event what was decided about the request itself.
func annotate(ctx context.Context, a Attributes, allowed bool, reason string) {
	notes := request.AnnotationsFrom(ctx)
	if notes == nil || strings.HasPrefix(a.Verb, "impersonate") {
		return
	}
	decision := "forbid"
	if allowed {
		decision = "allow"
	}
	notes.Annotate("authorization.k8s.io/decision", decision)
	notes.Annotate("authorization.k8s.io/reason", reason)
}

// Forbidden words the refusal of a to user.
func Forbidden(user *inprocess.User, a Attributes, reason string) error {
	text := refusal(user.Name, a)
	if reason != "" {
		text += ": " + reason
	}
	if a.Resource == "" {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
			Message: "forbidden: " + text, Details: &metav1.StatusDetails{},
		}}
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.Group, Resource: a.Resource}, a.Name, fmt.Errorf("%s", text))
}

func refusal(user string, a Attributes) string {
	if a.Resource == "" {
		return fmt.Sprintf("User %q cannot %s path %q", user, a.Verb, a.Path)
	}
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	if a.Namespace != "" {
		return fmt.Sprintf("User %q cannot %s resource %q in API group %q in the namespace %q", user, a.Verb, resource, a.Group, a.Namespace)
	}
	return fmt.Sprintf("User %q cannot %s resource %q in API group %q at the cluster scope", user, a.Verb, resource, a.Group)
}
