// Package authorization holds the review kinds of the group
// authorization.k8s.io, which the server answers and never stores.
package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		api.Definition[*authorizationv1.SubjectAccessReview]{
			Kind:    authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview"),
			Plural:  "subjectaccessreviews",
			Cluster: true,
			New:     api.New[authorizationv1.SubjectAccessReview],
			Verbs:   []string{"create"},
		}.Resource(),
		api.Definition[*authorizationv1.SelfSubjectAccessReview]{
			Kind:    authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"),
			Plural:  "selfsubjectaccessreviews",
			Cluster: true,
			New:     api.New[authorizationv1.SelfSubjectAccessReview],
			Verbs:   []string{"create"},
		}.Resource(),
		api.Definition[*authorizationv1.LocalSubjectAccessReview]{
			Kind:   authorizationv1.SchemeGroupVersion.WithKind("LocalSubjectAccessReview"),
			Plural: "localsubjectaccessreviews",
			New:    api.New[authorizationv1.LocalSubjectAccessReview],
			Verbs:  []string{"create"},
		}.Resource(),
		api.Definition[*authorizationv1.SelfSubjectRulesReview]{
			Kind:    authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectRulesReview"),
			Plural:  "selfsubjectrulesreviews",
			Cluster: true,
			New:     api.New[authorizationv1.SelfSubjectRulesReview],
			Verbs:   []string{"create"},
		}.Resource(),
	}
}
