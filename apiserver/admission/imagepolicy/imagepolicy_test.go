package imagepolicy

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	imagepolicyv1alpha1 "k8s.io/api/imagepolicy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/webhook"
)

func pod(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", Annotations: map[string]string{"my.image-policy.k8s.io/ticket": "7", "other": "x"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Image: image}}, InitContainers: []corev1.Container{{Image: "init"}}},
	}
}

// serve answers reviews: images called good are allowed, and says how often.
func serve(t *testing.T, defaultAllow string) (*Plugin, *int, *imagepolicyv1alpha1.ImageReview) {
	t.Helper()
	calls, last := 0, &imagepolicyv1alpha1.ImageReview{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		*last = imagepolicyv1alpha1.ImageReview{}
		if err := json.NewDecoder(r.Body).Decode(last); err != nil {
			t.Error(err)
		}
		switch last.Spec.Containers[0].Image {
		case "good":
			last.Status.Allowed = true
		case "bad":
			last.Status.Reason = "it smells"
		case "broken":
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(last)
	}))
	t.Cleanup(s.Close)
	p, err := New([]byte("imagePolicy: {kubeConfigFile: f, retryBackoff: 1, defaultAllow: "+defaultAllow+"}"), &webhook.Client{}, func(file string) (webhook.Endpoint, error) {
		return webhook.Endpoint{URL: s.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, &calls, last
}

func TestImages(t *testing.T) {
	p, calls, last := serve(t, "false")
	for _, test := range []struct{ image, want string }{
		{"good", ""},
		{"bad", `pods "p" is forbidden: image policy webhook backend denied one or more images: it smells`},
		{"unknown", `pods "p" is forbidden: one or more images rejected by webhook backend`},
	} {
		for range 2 { // the second answer is remembered
			err := p.Validate(t.Context(), admissiontest.Create(pod(test.image)))
			if got := admissiontest.Outcome(err); got != test.want {
				t.Errorf("%s: %q, want %q", test.image, got, test.want)
			}
		}
	}
	if *calls != 3 {
		t.Errorf("asked %d times, want 3", *calls)
	}
	if s := last.Spec; s.Namespace != "ns" || len(s.Containers) != 2 || len(s.Annotations) != 1 || s.Annotations["my.image-policy.k8s.io/ticket"] != "7" {
		t.Errorf("asked %+v", s)
	}
	status := admissiontest.Write(admission.Update, pod("bad"), pod("bad"))
	status.Subresource = "status"
	if err := p.Validate(t.Context(), status); err != nil {
		t.Errorf("a status: %v", err)
	}
}

func TestFailure(t *testing.T) {
	p, calls, _ := serve(t, "false")
	if err := p.Validate(t.Context(), admissiontest.Create(pod("broken"))); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("got %v", err)
	}
	if *calls != tries {
		t.Errorf("tried %d times", *calls)
	}
	p, _, _ = serve(t, "true")
	one := pod("broken")
	if err := p.Validate(t.Context(), admissiontest.Create(one)); err != nil || one.Annotations[failedOpen] != "true" {
		t.Errorf("got %v, %v", err, one.Annotations)
	}
}

func TestSettings(t *testing.T) {
	for config, want := range map[string]string{
		"{}": "kubeConfigFile is not set",
		"imagePolicy: {kubeConfigFile: f, allowTTL: 100000}": "valid value is between 1s and 30m0s, got 27h46m40s for allowTTL",
		"imagePolicy: {kubeConfigFile: f, other: 1}":         "unknown field",
		"imagePolicy: {kubeConfigFile: f, denyTTL: -1}":      "",
	} {
		if _, err := read([]byte(config)); !strings.Contains(admissiontest.Outcome(err), want) || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
