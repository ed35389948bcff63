package noderestriction

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/authz"
)

// signers lets nodes ask for certificates of one signer.
type signers string

func (s signers) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return a.Verb == "request-serviceaccounts-podcertificate-signer" && a.Resource == string(s) && a.Name == "robot" && a.Namespace == "y", ""
}

// A node that asks for a certificate of what is not its own.
func TestPodCertificates(t *testing.T) {
	mine, other, mirrored := pod("mine", "n", nil), pod("other", "m", nil), pod("mirror", "n", map[string]string{corev1.MirrorPodAnnotationKey: "x"})
	for _, p := range []*corev1.Pod{mine, other, mirrored} {
		p.Spec.ServiceAccountName = "robot"
		p.Spec.Volumes = []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{PodCertificate: &corev1.PodCertificateProjection{SignerName: "example.com/a"}}}}}}}
	}
	n, robot, human := node("n", nil), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "robot", UID: "r"}}, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "human", UID: "r"}}
	n.UID = "i"
	p := &Plugin{Reader: admissiontest.Of(mine, other, mirrored, n, node("m", nil), robot, human), Authorizer: signers("example.com:b")}
	type spec = certificatesv1.PodCertificateRequestSpec
	good := spec{SignerName: "example.com/a", PodName: "mine", PodUID: "u", NodeName: "n", NodeUID: "i", ServiceAccountName: "robot", ServiceAccountUID: "r"}
	for name, c := range map[string]struct {
		change  func(*spec)
		allowed bool
	}{
		"its pod's":           {func(*spec) {}, true},
		"by a role":           {func(s *spec) { s.SignerName = "example.com/b" }, true},
		"by another signer":   {func(s *spec) { s.SignerName = "example.com/c" }, false},
		"another node's":      {func(s *spec) { s.NodeName = "m" }, false},
		"an older node's":     {func(s *spec) { s.NodeUID = "j" }, false},
		"another pod's":       {func(s *spec) { s.PodName = "other" }, false},
		"an older pod's":      {func(s *spec) { s.PodUID = "v" }, false},
		"nobody's":            {func(s *spec) { s.PodName = "nobody" }, false},
		"a mirror's":          {func(s *spec) { s.PodName = "mirror" }, false},
		"another account's":   {func(s *spec) { s.ServiceAccountName = "human" }, false},
		"an older account's":  {func(s *spec) { s.ServiceAccountUID = "q" }, false},
		"what it may not end": {func(*spec) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &certificatesv1.PodCertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "x"}, Spec: good}
			c.change(&r.Spec)
			a := admissiontest.Create(r)
			a.User = &inprocess.User{Name: "system:node:n", Groups: []string{"system:nodes"}}
			a.Resource.Plural, a.Resource.Kind.Group = "podcertificaterequests", "certificates.k8s.io"
			if name == "what it may not end" {
				a.Subresource = "status"
			}
			if err := admissiontest.Run(p, a); (err == nil) != c.allowed {
				t.Errorf("%v, want allowed %v", err, c.allowed)
			}
		})
	}
}
