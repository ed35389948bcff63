package adminaccess

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestCheck(t *testing.T) {
	yes, no := true, false
	spec := func(access *bool) resourcev1.ResourceClaimSpec {
		return resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
			{Name: "a", FirstAvailable: []resourcev1.DeviceSubRequest{{}}}, {Name: "b", Exactly: &resourcev1.ExactDeviceRequest{AdminAccess: access}},
		}}}
	}
	in := func(namespace string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: "c"} }
	claim := func(namespace string, access *bool) *admission.Attributes {
		return admissiontest.Create(&resourcev1.ResourceClaim{ObjectMeta: in(namespace), Spec: spec(access)})
	}
	template := admissiontest.Create(&resourcev1.ResourceClaimTemplate{ObjectMeta: in("plain"), Spec: resourcev1.ResourceClaimTemplateSpec{Spec: spec(&yes)}})
	with := func(access *bool) *resourcev1.ResourceClaim {
		return &resourcev1.ResourceClaim{ObjectMeta: in("plain"), Status: resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{
			Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{{AdminAccess: access}}},
		}}}
	}
	status := func(now, old *resourcev1.ResourceClaim) *admission.Attributes {
		a := admissiontest.Write(admission.Update, now, old)
		a.Subresource = "status"
		return a
	}
	p := &Plugin{Reader: admissiontest.Of(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "plain", Labels: map[string]string{resourcev1.DRAAdminNamespaceLabelKey: "yes"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "admins", Labels: map[string]string{resourcev1.DRAAdminNamespaceLabelKey: "true"}}},
	)}
	const spoken = ": Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"
	for _, c := range []struct {
		name string
		a    *admission.Attributes
		want string
	}{
		{"claim", claim("plain", &yes), "spec.devices.requests[1].adminAccess" + spoken},
		{"claim without", claim("plain", nil), ""},
		{"claim that says no", claim("plain", &no), ""},
		{"claim of administrators", claim("admins", &yes), ""},
		{"claim of no namespace", claim("none", &yes), "spec.devices.requests[1].adminAccess: Internal error: could not retrieve namespace to verify admin access"},
		{"template", template, "spec.devices.requests[1].adminAccess" + spoken},
		{"change of a claim", admissiontest.Write(admission.Update, with(&yes), with(nil)), ""},
		{"allocation", status(with(&yes), with(nil)), "status.allocation.devices.results[0].adminAccess" + spoken},
		{"allocation that was there", status(with(&yes), with(&yes)), ""},
	} {
		var got string
		if errs := p.Check(t.Context(), c.a); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
