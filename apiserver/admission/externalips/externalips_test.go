package externalips

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

// externalIPs hijack traffic (CVE-2020-8554).
func TestExternalIPsAreRefused(t *testing.T) {
	service := func(ips ...string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "s"}, Spec: corev1.ServiceSpec{ExternalIPs: ips}}
	}
	p := Plugin{Allowed: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for _, c := range []struct {
		name     string
		obj, old *corev1.Service
		allowed  bool
	}{
		{"none", service(), nil, true},
		{"owned", service("192.0.2.7"), nil, true},
		{"not owned", service("198.51.100.1"), nil, false},
		{"kept", service("198.51.100.1"), service("198.51.100.1"), true},
		{"added", service("198.51.100.1", "198.51.100.2"), service("198.51.100.1"), false},
	} {
		a := admissiontest.Create(c.obj)
		if c.old != nil {
			a = admissiontest.Write(admission.Update, c.obj, c.old)
		}
		err := admissiontest.Run(p, a)
		if (err == nil) != c.allowed {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
		const text = ` "s" is forbidden: Use of external IPs is denied by admission control`
		if err != nil && !strings.HasSuffix(err.Error(), text) {
			t.Errorf("%s: %v, want …%s", c.name, err, text)
		}
	}
}
