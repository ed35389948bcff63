package apiserver

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/request"
	"minke/store/cache"
)

// unsafeVerb is what a user needs besides to delete what cannot be read.
const unsafeVerb = "unsafe-delete-ignore-read-errors"

// unsafe tells whether the object shall go though it cannot be read (KEP-3926).
func unsafe(o *metav1.DeleteOptions) bool {
	return o.IgnoreStoreReadErrorWithClusterBreakingPotential != nil && *o.IgnoreStoreReadErrorWithClusterBreakingPotential
}

// deleteUnreadable removes the object that the request names, given that it cannot be
// read. Admission, preconditions and finalizers have no say.
func (c *call) deleteUnreadable(o *metav1.DeleteOptions) error {
	request.AnnotationsFrom(c.ctx).Annotate("apiserver.k8s.io/unsafe-delete-ignore-read-error", "")
	if c.cfg.Authorize != nil {
		asked := *c.info
		asked.Verb = unsafeVerb
		if c.cfg.Authorize(c.ctx, c.user, &asked) != nil {
			return apierrors.NewForbidden(c.end.asked(), c.info.Name, fmt.Errorf("not permitted to do %q, reason: ", unsafeVerb))
		}
	}
	found, err := c.end.cache.DeleteUnreadable(c.ctx, c.key(), len(o.DryRun) > 0)
	var conflict *cache.ConflictError
	switch {
	case errors.Is(err, cache.ErrReadable):
		return apierrors.NewConflict(c.end.asked(), c.info.Name, fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage", c.key()))
	case errors.As(err, &conflict):
		return c.modified()
	case err != nil:
		return err
	case !found:
		return c.notFound()
	}
	return c.writeObject(http.StatusOK, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details:  &metav1.StatusDetails{Name: c.info.Name, Group: c.end.kind.Group, Kind: c.end.group.Resource},
	}, statusKind)
}

// noUnsafeCollection refuses to delete many objects that cannot be read.
func noUnsafeCollection(o *metav1.DeleteOptions) error {
	if !unsafe(o) {
		return nil
	}
	return invalidOptions("DeleteOptions", field.ErrorList{field.Invalid(field.NewPath("ignoreStoreReadErrorWithClusterBreakingPotential"),
		true, "is not allowed with DELETECOLLECTION, try again after removing the option")})
}
