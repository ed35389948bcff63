package authz

import (
	"context"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"minke/api/inprocess"
	"minke/apiserver/admission/admissiontest"
)

// TestNodeAsksForWhatIsNotItsOwn: a node reads and writes only what its pods
// refer to.
func TestNodeAsksForWhatIsNotItsOwn(t *testing.T) {
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	pod := func(name, node string) *corev1.Pod {
		claim := "claim-" + node
		return &corev1.Pod{ObjectMeta: named("y", name), Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: "account-" + node,
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "secret-" + node}},
			ResourceClaims:   []corev1.PodResourceClaim{{Name: "c", ResourceClaimName: &claim}},
			Volumes: []corev1.Volume{
				{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "map-" + node}}}},
				{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}},
			},
		}}
	}
	volume := func(node string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: named("", "volume-"+node), Spec: corev1.PersistentVolumeSpec{ClaimRef: &corev1.ObjectReference{Namespace: "y", Name: "claim-" + node}}}
	}
	slice := func(node string) *resourcev1.ResourceSlice {
		return &resourcev1.ResourceSlice{ObjectMeta: named("", "slice-"+node), Spec: resourcev1.ResourceSliceSpec{NodeName: &node}}
	}
	attachment := func(node string) *storagev1.VolumeAttachment {
		return &storagev1.VolumeAttachment{ObjectMeta: named("", "attachment-"+node), Spec: storagev1.VolumeAttachmentSpec{NodeName: node}}
	}
	request := func(node string) *certificatesv1.PodCertificateRequest {
		return &certificatesv1.PodCertificateRequest{ObjectMeta: named("y", "request-"+node), Spec: certificatesv1.PodCertificateRequestSpec{NodeName: types.NodeName(node)}}
	}
	node := Node{Reader: admissiontest.Of(request("n1"), request("n2"), pod("p-n1", "n1"), pod("p-n2", "n2"), volume("n1"), volume("n2"), slice("n1"), slice("n2"), attachment("n1"), attachment("n2"))}
	user := &inprocess.User{Name: "system:node:n1", Groups: []string{Nodes}}

	// Each line is "verbs resource[/subresource] [namespace/]name [selector]";
	// with NODE the line is tried for n1, which may, and for n2, which may not.
	for _, c := range []struct {
		line string
		may  bool
	}{
		{"get,list,watch secrets y/secret-NODE", true},
		{"get,list,watch configmaps y/map-NODE", true},
		{"get persistentvolumeclaims y/claim-NODE", true},
		{"update,patch persistentvolumeclaims/status y/claim-NODE", true},
		{"get persistentvolumes volume-NODE", true},
		{"create serviceaccounts/token y/account-NODE", true},
		{"get resourceclaims.resource.k8s.io y/claim-NODE", true},
		{"get,update,patch,delete resourceslices.resource.k8s.io slice-NODE", true},
		{"list,watch,deletecollection resourceslices.resource.k8s.io - spec.nodeName=NODE", true},
		{"get volumeattachments.storage.k8s.io attachment-NODE", true},
		{"get,update,patch,delete csinodes.storage.k8s.io NODE", true},
		{"get,update,patch,delete leases.coordination.k8s.io kube-node-lease/NODE", true},
		{"get,list,watch nodes NODE", true},
		{"get pods y/p-NODE", true},
		{"list,watch pods - spec.nodeName=NODE", true},
		{"list,watch services y/", true},
		{"get podcertificaterequests.certificates.k8s.io y/request-NODE", true},
		{"list,watch podcertificaterequests.certificates.k8s.io - spec.nodeName=NODE", true},
		{"create podcertificaterequests.certificates.k8s.io y/", true},
		{"get,list,watch clustertrustbundles.certificates.k8s.io -", true},
		{"create tokenreviews.authentication.k8s.io -", true},
		{"create nodes -", true},
		{"update nodes/status n1", true},

		{"list,watch podcertificaterequests.certificates.k8s.io y/", false},
		{"update,patch,delete podcertificaterequests.certificates.k8s.io y/request-n1", false},
		{"get,update podcertificaterequests.certificates.k8s.io/status y/request-n1", false},
		{"list,watch secrets y/", false},
		{"list secrets -", false},
		{"create,update,delete secrets y/secret-n1", false},
		{"list pods y/", false},
		{"list,watch nodes -", false},
		{"delete nodes n1", false},
		{"list,watch resourceslices.resource.k8s.io -", false},
		{"get leases.coordination.k8s.io y/n1", false},
		{"list leases.coordination.k8s.io kube-node-lease/", false},
		{"get,create nodes/proxy n1", false},
		{"create pods/exec y/p-n1", false},
		{"get persistentvolumes volume-none", false},
		{"get deployments.apps y/d", false},
	} {
		for of, own := range map[string]bool{"n1": true, "n2": false} {
			line := strings.ReplaceAll(c.line, "NODE", of)
			if !own && line == c.line {
				continue
			}
			words := strings.Fields(line)
			for _, verb := range strings.Split(words[0], ",") {
				a := lineAttributes(t, verb, words)
				allowed, why := node.Allows(context.Background(), user, a)
				if want := c.may && own; allowed != want {
					t.Errorf("%s %s: %v (%s), want %v", verb, strings.Join(words[1:], " "), allowed, why, want)
				}
			}
		}
	}
	stranger := &inprocess.User{Name: "system:node:n1"}
	if allowed, _ := node.Allows(context.Background(), stranger, Attributes{Verb: "get", Version: "v1", Resource: "nodes", Name: "n1"}); allowed {
		t.Error("whoever is named like a node and not in its group counts as one")
	}
}

func lineAttributes(t *testing.T, verb string, words []string) Attributes {
	t.Helper()
	a := Attributes{Verb: verb, Version: "v1"}
	var resource string
	resource, a.Group, _ = strings.Cut(words[1], ".")
	a.Resource, a.Subresource, _ = strings.Cut(resource, "/")
	if namespace, name, ok := strings.Cut(words[2], "/"); ok {
		a.Namespace, a.Name = namespace, name
	} else if words[2] != "-" {
		a.Name = words[2]
	}
	if len(words) > 3 {
		s, err := fields.ParseSelector(words[3])
		if err != nil {
			t.Fatal(err)
		}
		a.FieldSelector = s.Requirements()
	}
	return a
}
