package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/codec"
	"minke/apiserver/webhook"
)

// state is a write's objects in one version.
type state struct {
	obj, old runtime.Object
	// made tells that the texts of the objects are there.
	made             bool
	objText, oldText []byte
	options          []byte
}

// shown has a write's objects in the versions that were asked for, until the
// object changes. It is not used by several goroutines.
type shown struct {
	byVersion map[admission.Version]*state
}

// in returns the objects in a version.
func (s *shown) in(ctx context.Context, a *admission.Attributes, v admission.Version) (*state, error) {
	if found := s.byVersion[v]; found != nil {
		return found, nil
	}
	obj, old, err := a.Shown(ctx, v)
	if err != nil {
		return nil, err
	}
	if s.byVersion == nil {
		s.byVersion = map[admission.Version]*state{}
	}
	made := &state{obj: obj, old: old}
	s.byVersion[v] = made
	return made, nil
}

// texts returns the objects in a version with their JSON.
func (s *shown) texts(ctx context.Context, a *admission.Attributes, v admission.Version) (*state, error) {
	st, err := s.in(ctx, a, v)
	if err != nil || st.made {
		return st, err
	}
	for _, part := range []struct {
		of   runtime.Object
		text *[]byte
	}{{st.obj, &st.objText}, {st.old, &st.oldText}, {a.Options, &st.options}} {
		if part.of == nil {
			continue
		}
		if *part.text, err = codec.EncodeJSON(part.of); err != nil {
			return nil, fmt.Errorf("encode %s for a webhook: %w", v.Kind.Kind, err)
		}
	}
	st.made = true
	return st, nil
}

// The versions of AdmissionReview; their requests and answers are the same.
const (
	reviewGroup = "admission.k8s.io/"
	reviewKind  = "AdmissionReview"
)

// reviewVersion picks the first version that h knows and this server too.
func (h *hook) reviewVersion() (string, error) {
	for _, v := range h.versions {
		if v == "v1" || v == "v1beta1" {
			return v, nil
		}
	}
	return "", errors.New("webhook does not accept known AdmissionReview versions (v1, v1beta1)")
}

// ask posts an AdmissionReview and returns what h answers, after checking that
// it is an answer to it.
func (p *plugin) ask(ctx context.Context, h *hook, a *admission.Attributes, v admission.Version, s *state) (*admissionv1.AdmissionResponse, error) {
	version, err := h.reviewVersion()
	if err != nil {
		return nil, err
	}
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: reviewGroup + version, Kind: reviewKind},
		Request:  requestOf(a, v, s),
	}
	body, err := json.Marshal(&review)
	if err != nil {
		return nil, err
	}
	var answer admissionv1.AdmissionReview
	call := &webhook.Call{Endpoint: h.endpoint, Timeout: h.timeout, Body: body}
	ctx, span := p.traced(ctx, h, a, review.Request.UID)
	defer span.End()
	if err := p.Client.Post(ctx, call, &answer); err != nil {
		span.Fail(err)
		return nil, fmt.Errorf("failed to call webhook: %w", err)
	}
	span.Event("Request completed")
	if err := verify(&answer, version, review.Request.UID, p.step == "admit"); err != nil {
		return nil, fmt.Errorf("received invalid webhook response: %w", err)
	}
	return answer.Response, nil
}

func requestOf(a *admission.Attributes, v admission.Version, s *state) *admissionv1.AdmissionRequest {
	kind, resource := metav1.GroupVersionKind(a.Version.Kind), metav1.GroupVersionResource(a.Version.Resource)
	r := &admissionv1.AdmissionRequest{
		UID:  uuid.NewUUID(),
		Kind: metav1.GroupVersionKind(v.Kind), Resource: metav1.GroupVersionResource(v.Resource), SubResource: a.Subresource,
		RequestKind: &kind, RequestResource: &resource, RequestSubResource: a.Subresource,
		Name: a.Name, Namespace: a.Namespace, Operation: admissionv1.Operation(a.Operation),
		UserInfo: userInfo(a.User), DryRun: &a.DryRun,
	}
	r.Object.Raw, r.OldObject.Raw, r.Options.Raw = s.objText, s.oldText, s.options
	return r
}

func userInfo(u *inprocess.User) authenticationv1.UserInfo {
	if u == nil {
		return authenticationv1.UserInfo{}
	}
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	if len(u.Extra) > 0 {
		info.Extra = make(map[string]authenticationv1.ExtraValue, len(u.Extra))
		for key, values := range u.Extra {
			info.Extra[key] = values
		}
	}
	return info
}

// verify checks an answer. One in v1beta1 may leave out its uid and the type of
// its patch.
func verify(r *admissionv1.AdmissionReview, version string, uid types.UID, mutating bool) error {
	answer := r.Response
	if answer == nil {
		return errors.New("webhook response was absent")
	}
	patched, typed := len(answer.Patch) > 0, answer.PatchType != nil
	if version == "v1beta1" {
		if !mutating {
			answer.Patch = nil
		}
		if jsonPatch := admissionv1.PatchTypeJSONPatch; patched && !typed {
			answer.PatchType = &jsonPatch
		}
		return nil
	}
	want := admissionv1.SchemeGroupVersion.WithKind(reviewKind)
	switch {
	case answer.UID != uid:
		return fmt.Errorf("expected response.uid=%q, got %q", uid, answer.UID)
	case r.GroupVersionKind() != want:
		return fmt.Errorf("expected webhook response of %v, got %v", want, r.GroupVersionKind())
	case !mutating && patched:
		return errors.New("validating webhook may not return response.patch")
	case !mutating && typed:
		return errors.New("validating webhook may not return response.patchType")
	case patched && !typed:
		return errors.New("webhook returned response.patch but not response.patchType")
	case !patched && typed:
		return errors.New("webhook returned response.patchType but not response.patch")
	case patched && *answer.PatchType == "":
		return fmt.Errorf("webhook returned invalid response.patchType of %q", "")
	}
	return nil
}
