package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/store"
)

// fail returns a StatusError of a code, reason and message for which
// apimachinery has no constructor.
func fail(code int32, reason metav1.StatusReason, message string) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message,
	}}
}

func notAcceptable(message string) error {
	return fail(http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable, message)
}

func unsupportedMedia(accepted string) error {
	return fail(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
		"the body of the request was in an unknown format - accepted media types include: "+accepted)
}

// noRoute answers a path that leads nowhere.
func noRoute() error {
	err := fail(http.StatusNotFound, metav1.StatusReasonNotFound, "the server could not find the requested resource")
	err.ErrStatus.Details = &metav1.StatusDetails{}
	return err
}

func noMethod() error {
	err := fail(http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed,
		"the server does not allow this method on the requested resource")
	err.ErrStatus.Details = &metav1.StatusDetails{}
	return err
}

// tooLargeRevision tells a client that it asks for a state that is yet to come.
func tooLargeRevision(wanted, current store.Revision) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", wanted, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version",
	}}
	return err
}

func expired() error {
	return apierrors.NewResourceExpired("The resourceVersion for the provided watch is too old.")
}

// statusOf returns what a client is told about err.
func statusOf(err error) *metav1.Status {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		return &s
	}
	var known *apierrors.StatusError
	switch {
	case errors.Is(err, store.ErrCompacted):
		known = expired().(*apierrors.StatusError)
	case errors.Is(err, store.ErrFutureRevision):
		known = apierrors.NewTimeoutError("Too large resource version", 1)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		known = apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	case errors.Is(err, store.ErrUnavailable):
		known = apierrors.NewServiceUnavailable(err.Error())
	case errors.Is(err, store.ErrTooLarge):
		known = apierrors.NewRequestEntityTooLargeError(err.Error())
	case errors.Is(err, store.ErrClosed):
		known = apierrors.NewServiceUnavailable("the server is shutting down")
	default:
		known = apierrors.NewInternalError(err)
	}
	return &known.ErrStatus
}
