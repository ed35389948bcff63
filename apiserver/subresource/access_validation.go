package subresource

import (
	"reflect"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const mustBeEmpty = "must be empty"

// checkReview checks what a review asks: one question, about somebody.
func checkReview(spec authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	if (spec.ResourceAttributes == nil) == (spec.NonResourceAttributes == nil) {
		errs = append(errs, field.Invalid(path, shownPath(spec.NonResourceAttributes), "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
	}
	if spec.User == "" && len(spec.Groups) == 0 {
		errs = append(errs, field.Invalid(path.Child("user"), spec.User, "at least one of user or group must be specified"))
	}
	if r := spec.ResourceAttributes; r != nil {
		errs = append(errs, checkSelectors(r, path.Child("resourceAttributes"))...)
	}
	return errs
}

// checkNoMetadata refuses metadata, of which a review has none.
func checkNoMetadata(meta metav1.ObjectMeta, why string) field.ErrorList {
	meta.ManagedFields = nil
	// Empty is as good as absent.
	compared := meta
	if len(compared.Labels) == 0 {
		compared.Labels = nil
	}
	if len(compared.Annotations) == 0 {
		compared.Annotations = nil
	}
	if len(compared.OwnerReferences) == 0 {
		compared.OwnerReferences = nil
	}
	if len(compared.Finalizers) == 0 {
		compared.Finalizers = nil
	}
	if reflect.DeepEqual(compared, metav1.ObjectMeta{}) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), meta, why)}
}

// shownPath is how an error shows the question about a path: as the fields of
// Kubernetes' internal type, which have no names in JSON.
func shownPath(n *authorizationv1.NonResourceAttributes) any {
	if n == nil {
		return (*struct{})(nil)
	}
	return &struct{ Path, Verb string }{n.Path, n.Verb}
}

// invalidReview is nil without errors. Like Kubernetes' it names no kind, which
// is not in a decoded object there.
func invalidReview(errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName}, "", errs)
}
