package alwayspullimages

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func pod(image string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "i", Image: image, ImagePullPolicy: corev1.PullIfNotPresent}},
		Containers:     []corev1.Container{{Name: "c", Image: image, ImagePullPolicy: corev1.PullNever}},
		Volumes:        []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: image}}}},
	}}
}

func TestPoliciesBecomeAlways(t *testing.T) {
	for _, c := range []struct {
		name    string
		a       *admission.Attributes
		changed bool
	}{
		{"create", admissiontest.Create(pod("a")), true},
		{"update with a new image", admissiontest.Write(admission.Update, pod("b"), pod("a")), true},
		{"update without one", admissiontest.Write(admission.Update, pod("a"), pod("a")), false},
	} {
		if err := admissiontest.Run(Plugin{}, c.a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		visit(c.a.Object.(*corev1.Pod), func(path *field.Path, p *corev1.PullPolicy) {
			if (*p == corev1.PullAlways) != c.changed {
				t.Errorf("%s: %s is %q", c.name, path, *p)
			}
		})
	}
	if err := (Plugin{}).Validate(context.Background(), admissiontest.Create(pod("a"))); !apierrors.IsForbidden(err) {
		t.Errorf("a policy taken back: %v, want Forbidden", err)
	}
}
