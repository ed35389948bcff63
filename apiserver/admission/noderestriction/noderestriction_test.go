package noderestriction

import (
	"context"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/authz"
)

func pod(name, node string, annotations map[string]string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: name, UID: "u", Annotations: annotations}, Spec: corev1.PodSpec{NodeName: node}}
}

func node(name string, labels map[string]string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{Taints: taints}}
}

func token(pod, uid string) *authenticationv1.TokenRequest {
	t := &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "robot"}}
	if pod != "" {
		t.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: "u"}
	}
	if uid == "" && pod != "" {
		t.Spec.BoundObjectRef.UID = ""
	}
	return t
}

func devices(node string) *resourcev1.ResourceSlice {
	return &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: resourcev1.ResourceSliceSpec{NodeName: &node}}
}

// A node that asks for what is not its own: tokens for whom its pods do not ask.
func TestTokenAudiences(t *testing.T) {
	p1 := pod("mine", "n", nil)
	claim := corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}
	p1.Spec.Volumes = []corev1.Volume{
		{Name: "t", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault"}}}}}},
		{Name: "i", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "inline"}}},
		{Name: "c", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &claim}},
	}
	driver := func(name, audience string) *storagev1.CSIDriver {
		return &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: audience}}}}
	}
	p := &Plugin{Audiences: []string{"api"}, Authorizer: asked("extra"), Reader: admissiontest.Of(p1, driver("inline", "for-inline"), driver("bound", "for-bound"), driver("other", "for-other"),
		&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "c"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "v"}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "bound"}}}})}
	for audience, allowed := range map[string]bool{
		"api": true, "vault": true, "for-inline": true, "for-bound": true, "extra": true, "for-other": false, "somebody": false,
	} {
		req := token("mine", "u")
		req.Spec.Audiences = []string{audience}
		a := admissiontest.Create(req)
		a.Subresource, a.User = "token", &inprocess.User{Name: "system:node:n", Groups: []string{"system:nodes"}}
		a.Resource.Plural, a.Resource.Kind.Group = "serviceaccounts", ""
		if err := admissiontest.Run(p, a); (err == nil) != allowed {
			t.Errorf("%s: %v, want allowed %v", audience, err, allowed)
		}
	}
}

// asked lets nodes ask for one audience.
type asked string

func (s asked) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return a.Verb == "request-serviceaccounts-token-audience" && a.Resource == string(s) && a.Name == "robot" && a.Namespace == "y", ""
}

// A node that asks for what is not its own.
func TestNodeWritesOnlyItsOwn(t *testing.T) {
	mirror := map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	p := &Plugin{Reader: admissiontest.Of(pod("mine", "n", nil), pod("other", "m", nil), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "node-uid"}})}
	yes := true
	owned := func(owner metav1.OwnerReference, change func(*corev1.PodSpec)) *corev1.Pod {
		p := pod("new", "n", mirror)
		p.OwnerReferences = []metav1.OwnerReference{owner}
		if change != nil {
			change(&p.Spec)
		}
		return p
	}
	own := metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "n", UID: "node-uid", Controller: &yes}
	replaced, another, loose := own, own, own
	replaced.UID, another.Name, loose.Controller = "before", "m", nil
	volume := func(v corev1.VolumeSource) func(*corev1.PodSpec) {
		return func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: v}} }
	}
	status := func(claims ...corev1.PodResourceClaimStatus) *corev1.Pod {
		p := pod("mine", "n", nil)
		p.Status.ResourceClaimStatuses = claims
		return p
	}
	configured := node("n", nil)
	configured.Spec.ConfigSource = &corev1.NodeConfigSource{} //nolint:staticcheck // guarded as long as it is there
	lease := func(namespace, name string) api.Object {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	const create, update, remove = admission.Create, admission.Update, admission.Delete
	for _, c := range []struct {
		name          string
		op            admission.Operation
		resource, sub string
		obj, old      api.Object
		allowed       bool
	}{
		{"its node", create, "", "", node("n", map[string]string{corev1.LabelHostname: "n"}), nil, true},
		{"another node", create, "", "", node("m", nil), nil, false},
		{"a role of its own making", create, "", "", node("n", map[string]string{"node-role.kubernetes.io/control-plane": ""}), nil, false},
		{"a guarded label", update, "", "", node("n", map[string]string{"node-restriction.kubernetes.io/x": ""}), node("n", nil), false},
		{"a label of somebody's", update, "", "", node("n", map[string]string{"example.com/x": ""}), node("n", nil), true},
		{"its taints", update, "", "", node("n", nil), node("n", nil, corev1.Taint{Key: "x"}), false},
		{"its status", update, "", "status", node("n", nil), node("n", nil), true},
		{"another's status", update, "", "status", node("m", nil), node("m", nil), false},
		{"delete another", remove, "", "", nil, node("m", nil), false},
		{"a pod", create, "", "", pod("new", "n", nil), nil, false},
		{"a mirror pod", create, "", "", owned(own, nil), nil, true},
		{"a mirror pod of nobody", create, "", "", pod("new", "n", mirror), nil, false},
		{"a mirror pod of a node before", create, "", "", owned(replaced, nil), nil, false},
		{"a mirror pod of another", create, "", "", owned(another, nil), nil, false},
		{"a mirror pod that it does not control", create, "", "", owned(loose, nil), nil, false},
		{"a mirror pod with a host path", create, "", "", owned(own, volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}})), nil, true},
		{"a mirror pod with a secret", create, "", "", owned(own, volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}})), nil, false},
		{"a mirror pod with a driver", create, "", "", owned(own, volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}})), nil, false},
		{"a mirror pod with a config map's variable", create, "", "", owned(own, func(s *corev1.PodSpec) {
			s.Containers = []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}}}}
		}), nil, false},
		{"claims in its pod's status", update, "", "status", status(corev1.PodResourceClaimStatus{Name: "c"}), status(), false},
		{"claims left out of its pod's status", update, "", "status", status(), status(corev1.PodResourceClaimStatus{Name: "c"}), true},
		{"a source of its configuration", update, "", "", configured, node("n", nil), false},
		{"a mirror pod elsewhere", create, "", "", pod("new", "m", mirror), nil, false},
		{"its pod's status", update, "", "status", pod("mine", "n", nil), pod("mine", "n", nil), true},
		{"another's pod's status", update, "", "status", pod("other", "m", nil), pod("other", "m", nil), false},
		{"its pod's spec", update, "", "", pod("mine", "n", nil), pod("mine", "n", nil), false},
		{"delete its pod", remove, "", "", nil, pod("mine", "n", nil), true},
		{"delete another's pod", remove, "", "", nil, pod("other", "m", nil), false},
		{"evict another's pod", create, "", "eviction", pod("other", "m", nil), nil, false},
		{"its lease", update, "", "", lease("kube-node-lease", "n"), lease("kube-node-lease", "n"), true},
		{"another's lease", update, "", "", lease("kube-node-lease", "m"), lease("kube-node-lease", "m"), false},
		{"a lease elsewhere", create, "", "", lease("kube-system", "n"), nil, false},
		{"its pod's token", create, "serviceaccounts", "token", token("mine", "u"), nil, true},
		{"another's pod's token", create, "serviceaccounts", "token", token("other", "u"), nil, false},
		{"a slice of its devices", create, "", "", devices("n"), nil, true},
		{"a slice of another's", create, "", "", devices("m"), nil, false},
		{"another's slice taken over", update, "", "", devices("n"), devices("m"), false},
		{"delete another's slice", remove, "", "", nil, devices("m"), false},
		{"a token of no pod", create, "serviceaccounts", "token", token("", ""), nil, false},
		{"a token without uid", create, "serviceaccounts", "token", token("mine", ""), nil, false},
	} {
		a := admissiontest.Write(c.op, c.obj, c.old)
		a.Subresource, a.User = c.sub, &inprocess.User{Name: "system:node:n", Groups: []string{"system:nodes"}}
		if c.resource != "" {
			a.Resource.Plural, a.Resource.Kind.Group = c.resource, ""
		}
		if err := admissiontest.Run(p, a); (err == nil) != c.allowed {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
		a.User = &inprocess.User{Name: "jane"}
		if err := admissiontest.Run(p, a); err != nil {
			t.Errorf("%s by somebody else: %v", c.name, err)
		}
	}
}
