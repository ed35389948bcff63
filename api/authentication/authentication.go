// Package authentication holds the review kinds of the group
// authentication.k8s.io, which the server answers and never stores.
package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"

	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		api.Definition[*authenticationv1.TokenReview]{
			Kind:    authenticationv1.SchemeGroupVersion.WithKind("TokenReview"),
			Plural:  "tokenreviews",
			Cluster: true,
			New:     api.New[authenticationv1.TokenReview],
			Verbs:   []string{"create"},
		}.Resource(),
		api.Definition[*authenticationv1.SelfSubjectReview]{
			Kind:    authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"),
			Plural:  "selfsubjectreviews",
			Cluster: true,
			New:     api.New[authenticationv1.SelfSubjectReview],
			Verbs:   []string{"create"},
		}.Resource(),
	}
}
