// Package alwayspullimages makes every container's image be pulled at each
// start, so that whoever runs a private image has shown that he may pull it:
// that another pod left it on the node is not enough.
package alwayspullimages

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/admission"
)

// Plugin is the admission plug-in.
type Plugin struct{}

var (
	_ admission.Mutator   = Plugin{}
	_ admission.Validator = Plugin{}
)

// Admit implements admission.Mutator.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	if pod := concerned(a); pod != nil {
		visit(pod, func(_ *field.Path, policy *corev1.PullPolicy) { *policy = corev1.PullAlways })
	}
	return nil
}

// Validate implements admission.Validator: a plug-in after this one may have
// taken it back.
func (Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	var errs field.ErrorList
	visit(pod, func(path *field.Path, policy *corev1.PullPolicy) {
		if *policy != corev1.PullAlways {
			errs = append(errs, field.NotSupported(path, *policy, []string{string(corev1.PullAlways)}))
		}
	})
	if len(errs) > 0 {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errs.ToAggregate())
	}
	return nil
}

// concerned returns the pod whose images are to be pulled, or nil. An update
// that brings no new image is let alone: a pod made before the plug-in was
// switched on cannot change its policy any more.
func concerned(a *admission.Attributes) *corev1.Pod {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" && a.Subresource != "ephemeralcontainers" {
		return nil
	}
	switch a.Operation {
	case admission.Create:
		return pod
	case admission.Update:
		if old, ok := a.Old.(*corev1.Pod); ok && !slices.ContainsFunc(images(pod), func(i string) bool { return !slices.Contains(images(old), i) }) {
			return nil
		}
		return pod
	}
	return nil
}

func images(pod *corev1.Pod) (out []string) {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			out = append(out, list[i].Image)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		out = append(out, pod.Spec.EphemeralContainers[i].Image)
	}
	return out
}

// visit calls f with every pull policy of the pod, that of image volumes too.
func visit(pod *corev1.Pod, f func(*field.Path, *corev1.PullPolicy)) {
	spec := field.NewPath("spec")
	for i := range pod.Spec.InitContainers {
		f(spec.Child("initContainers").Index(i).Child("imagePullPolicy"), &pod.Spec.InitContainers[i].ImagePullPolicy)
	}
	for i := range pod.Spec.Containers {
		f(spec.Child("containers").Index(i).Child("imagePullPolicy"), &pod.Spec.Containers[i].ImagePullPolicy)
	}
	for i := range pod.Spec.EphemeralContainers {
		f(spec.Child("ephemeralContainers").Index(i).Child("imagePullPolicy"), &pod.Spec.EphemeralContainers[i].ImagePullPolicy)
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			f(spec.Child("volumes").Index(i).Child("image", "pullPolicy"), &image.PullPolicy)
		}
	}
}
