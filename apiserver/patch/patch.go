// Package patch applies JSON patches, merge patches and strategic merge patches
// to objects in JSON form, within bounds.
package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"minke/apiserver/codec"
)

// maxOperations bounds a JSON patch; maxCopied, in bytes, what its "copy"
// operations may add, since each may double the document; maxMerged the list
// elements of a strategic merge patch.
const (
	maxOperations = 10000
	maxCopied     = 3 << 20
	// Lists are merged in time that grows with the square of their length.
	maxMerged = 5000
)

func init() { jsonpatch.AccumulatedCopySizeLimit = maxCopied }

// Media are the accepted content types, as errors name them.
const Media = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"

// MediaUntyped are those for kinds without a Go type, which strategic merge
// patches need.
const MediaUntyped = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"

// Apply returns original with the patch applied. example is a value of the
// object's Go type, whose struct tags steer strategic merge patches. Errors are
// StatusErrors.
func Apply(kind types.PatchType, original, patch []byte, example any) ([]byte, error) {
	if err := bounded(kind, patch); err != nil {
		return nil, err
	}
	switch kind {
	case types.JSONPatchType:
		return applyJSON(original, patch)
	case types.MergePatchType:
		return applyMerge(original, patch)
	case types.StrategicMergePatchType:
		return applyStrategic(original, patch, example)
	}
	return nil, apierrors.NewBadRequest(fmt.Sprintf("unsupported patch type %q", kind))
}

// Operations are those of a JSON patch that is within the bounds of Apply. An
// error that is no StatusError is the decoder's.
func Operations(patch []byte) (jsonpatch.Patch, error) {
	if err := bounded(types.JSONPatchType, patch); err != nil {
		return nil, err
	}
	return jsonpatch.DecodePatch(patch)
}

func bounded(kind types.PatchType, patch []byte) error {
	if err := codec.CheckDepth(patch); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	// Before anything is decoded: an operation of three bytes makes a map.
	operations := 0
	if kind == types.JSONPatchType {
		operations = codec.CountOperations(patch)
	}
	if operations > maxOperations {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxOperations, operations))
	}
	if err := codec.CheckElements(patch, false); err != nil {
		return err
	}
	if n := codec.CountObjects(patch); kind == types.StrategicMergePatchType && n > maxMerged {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d list elements in a strategic merge patch, got %d", maxMerged, n))
	}
	return nil
}

func applyJSON(original, patch []byte) ([]byte, error) {
	operations, err := jsonpatch.DecodePatch(patch)
	if mistyped := (*json.UnmarshalTypeError)(nil); errors.As(err, &mistyped) {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: json: cannot unmarshal %s into Go value of type []handlers.jsonPatchOp", mistyped.Value))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	patched, err := operations.Apply(original)
	if err != nil {
		return nil, unprocessable(err)
	}
	return patched, nil
}

func applyMerge(original, patch []byte) ([]byte, error) {
	if !json.Valid(patch) {
		return nil, apierrors.NewBadRequest("invalid JSON patch")
	}
	var document map[string]any
	if err := json.Unmarshal(patch, &document); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
	}
	patched, err := jsonpatch.MergePatch(original, patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return patched, nil
}

func applyStrategic(original, patch []byte, example any) ([]byte, error) {
	patched, err := strategicpatch.StrategicMergePatch(original, patch, example)
	switch {
	case err == nil:
		return patched, nil
	case errors.Is(err, mergepatch.ErrBadJSONDoc), errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList),
		errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys), errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList),
		errors.Is(err, mergepatch.ErrUnsupportedStrategicMergePatchFormat):
		return nil, apierrors.NewBadRequest(err.Error())
	case errors.Is(err, mergepatch.ErrNoListOfLists), errors.Is(err, mergepatch.ErrPatchContentNotMatchRetainKeys):
		return nil, unprocessable(err)
	}
	// A list element without its merge key, for example: Kubernetes has no
	// reason for these.
	return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error(),
	}}
}

// unprocessable refuses a well-formed patch that does not fit the object.
func unprocessable(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}
