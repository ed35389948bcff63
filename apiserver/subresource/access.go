package subresource

import (
	"net/http"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/inprocess"
	"minke/apiserver/authz"
	"minke/apiserver/request"
)

// subjectAccessReview tells whether somebody may do something.
func (s *Server) subjectAccessReview(w http.ResponseWriter, r *http.Request) error {
	var review authorizationv1.SubjectAccessReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	review.Namespace = "" // it is in none
	if err := invalidReview(append(checkReview(review.Spec), checkNoMetadata(review.ObjectMeta, mustBeEmpty)...)); err != nil {
		return err
	}
	review.TypeMeta = typeOf("SubjectAccessReview")
	review.Status = s.answer(r, userOf(review.Spec), review.Spec)
	s.Codec.Write(w, r, http.StatusCreated, &review)
	return nil
}

// localSubjectAccessReview is the same within one namespace.
func (s *Server) localSubjectAccessReview(w http.ResponseWriter, r *http.Request) error {
	var review authorizationv1.LocalSubjectAccessReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	namespace := request.InfoFrom(r.Context()).Namespace
	if review.Namespace != "" && review.Namespace != namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	meta := review.ObjectMeta
	meta.Namespace = ""
	errs := checkReview(review.Spec)
	if len(checkNoMetadata(meta, "")) > 0 {
		meta.Namespace = namespace
		errs = append(errs, field.Invalid(field.NewPath("metadata"), meta, mustBeEmpty+" except for namespace"))
	}
	path := field.NewPath("spec")
	if a := review.Spec.ResourceAttributes; a != nil && a.Namespace != namespace {
		errs = append(errs, field.Invalid(path.Child("resourceAttributes", "namespace"), a.Namespace, "must match metadata.namespace"))
	}
	if n := review.Spec.NonResourceAttributes; n != nil {
		errs = append(errs, field.Invalid(path.Child("nonResourceAttributes"), shownPath(n), "disallowed on this kind of request"))
	}
	if err := invalidReview(errs); err != nil {
		return err
	}
	review.TypeMeta, review.Namespace = typeOf("LocalSubjectAccessReview"), namespace
	review.Status = s.answer(r, userOf(review.Spec), review.Spec)
	s.Codec.Write(w, r, http.StatusCreated, &review)
	return nil
}

// selfSubjectAccessReview tells whether the caller may do something.
func (s *Server) selfSubjectAccessReview(w http.ResponseWriter, r *http.Request) error {
	var review authorizationv1.SelfSubjectAccessReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	spec := authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: review.Spec.ResourceAttributes, NonResourceAttributes: review.Spec.NonResourceAttributes, User: "self",
	}
	review.Namespace = "" // it is in none
	if err := invalidReview(append(checkReview(spec), checkNoMetadata(review.ObjectMeta, mustBeEmpty)...)); err != nil {
		return err
	}
	review.TypeMeta = typeOf("SelfSubjectAccessReview")
	review.Status = s.answer(r, request.UserFrom(r.Context()), spec)
	s.Codec.Write(w, r, http.StatusCreated, &review)
	return nil
}

// selfSubjectRulesReview lists what the caller may do in a namespace.
func (s *Server) selfSubjectRulesReview(w http.ResponseWriter, r *http.Request) error {
	var review authorizationv1.SelfSubjectRulesReview
	if err := s.Codec.Read(w, r, &review); err != nil {
		return err
	}
	if review.Spec.Namespace == "" {
		return apierrors.NewBadRequest("no namespace on request")
	}
	rules := authz.RulesFor(s.Authorizer, request.UserFrom(r.Context()), review.Spec.Namespace)
	status := authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
		Incomplete: rules.Incomplete,
	}
	if rules.Err != nil {
		status.EvaluationError = rules.Err.Error()
	}
	for _, rule := range rules.Rules {
		if len(rule.Resources) > 0 {
			status.ResourceRules = append(status.ResourceRules, authorizationv1.ResourceRule{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
			})
		}
		if len(rule.NonResourceURLs) > 0 {
			status.NonResourceRules = append(status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
		}
	}
	// The answer has nothing of the question but its kind.
	s.Codec.Write(w, r, http.StatusCreated, &authorizationv1.SelfSubjectRulesReview{TypeMeta: typeOf("SelfSubjectRulesReview"), Status: status})
	return nil
}

func typeOf(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: kind}
}

func userOf(spec authorizationv1.SubjectAccessReviewSpec) *inprocess.User {
	user := &inprocess.User{Name: spec.User, UID: spec.UID, Groups: spec.Groups, Extra: map[string][]string{}}
	for k, v := range spec.Extra {
		user.Extra[k] = v
	}
	return user
}

func (s *Server) answer(r *http.Request, user *inprocess.User, spec authorizationv1.SubjectAccessReviewSpec) authorizationv1.SubjectAccessReviewStatus {
	question, ignored := questionOf(spec)
	decision, reason, err := authz.Decide(authz.Explained(r.Context()), s.Authorizer, user, question)
	if err != nil {
		ignored = append([]string{err.Error()}, ignored...)
	}
	return authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authz.Allow, Denied: decision == authz.Deny, Reason: reason,
		EvaluationError: strings.Join(ignored, "; "),
	}
}

// questionOf is the question that a review that was checked puts, and what of its
// selectors is not part of it.
func questionOf(spec authorizationv1.SubjectAccessReviewSpec) (_ authz.Attributes, ignored []string) {
	if n := spec.NonResourceAttributes; n != nil {
		return authz.Attributes{Path: n.Path, Verb: n.Verb}, nil
	}
	q := spec.ResourceAttributes
	a := authz.Attributes{
		Verb: q.Verb, Group: q.Group, Version: q.Version, Resource: q.Resource, Subresource: q.Subresource,
		Namespace: q.Namespace, Name: q.Name,
	}
	tell := func(selector string, complete bool, left int) {
		switch text := "spec.resourceAttributes." + selector; {
		case complete:
		case left > 0:
			ignored = append(ignored, text+" partially ignored due to parse error")
		default:
			ignored = append(ignored, text+" ignored due to parse error")
		}
	}
	if q.FieldSelector != nil {
		var complete bool
		a.FieldSelector, complete = fieldRequirements(q.FieldSelector)
		tell("fieldSelector", complete, len(a.FieldSelector))
	}
	if q.LabelSelector != nil {
		var complete bool
		a.LabelSelector, complete = labelRequirements(q.LabelSelector)
		tell("labelSelector", complete, len(a.LabelSelector))
	}
	return a, ignored
}
