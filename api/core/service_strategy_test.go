package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// TestToExternalName: a Service that becomes an ExternalName loses what only
// its former type had, whether or not the caller cleared its address himself.
func TestToExternalName(t *testing.T) {
	old := &corev1.Service{Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"},
		IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
		InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
		Ports:                 []corev1.ServicePort{{Port: 80, NodePort: 30080}},
	}}
	for name, clear := range map[string]func(*corev1.ServiceSpec){
		"address kept":    func(*corev1.ServiceSpec) {},
		"address cleared": func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "", nil },
	} {
		t.Run(name, func(t *testing.T) {
			svc := old.DeepCopy()
			svc.Spec.Type, svc.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
			clear(&svc.Spec)
			serviceUpdate(svc, old)
			s := svc.Spec
			if s.ClusterIP != "" || s.ClusterIPs != nil || s.IPFamilies != nil || s.IPFamilyPolicy != nil || s.InternalTrafficPolicy != nil || s.Ports[0].NodePort != 0 {
				t.Errorf("left over: %+v", s)
			}
		})
	}
}
