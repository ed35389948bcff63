package scheduler

import (
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

func testClass(name, provisioner string, mode storagev1.VolumeBindingMode) *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
}

func testClaim(name, class string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class, Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		}},
	}
}

func singlePod(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
	return c
}

func testVolume(name, class, node string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
			}}}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
	}
}

func using(claim string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	}
}

// bindClaim does what the volume controller does.
func (w world) bindClaim(name, volume string) {
	w.Helper()
	claims := client.Of(w, client.PersistentVolumeClaims)
	if _, err := claims.Patch(w.Context(), "default", name, types.MergePatchType, []byte(`{"spec":{"volumeName":"`+volume+`"}}`)); err != nil {
		w.Fatal(err)
	}
	if _, err := claims.Patch(w.Context(), "default", name, types.MergePatchType, []byte(`{"status":{"phase":"Bound"}}`), "status"); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

func TestVolumes(t *testing.T) {
	run(t, func(w world) {
		w.create(testPod("none", "1", using("missing")))
		w.wantNode("none", "")
		if m := condition(w.pod("none"), corev1.PodScheduled).Message; m != `0/2 nodes are available: persistentvolumeclaim "missing" not found.` {
			w.Errorf("message %q", m)
		}
		w.create(testPod("unbound", "1", using("now")))
		if m := condition(w.pod("unbound"), corev1.PodScheduled).Message; !strings.Contains(m, "unbound immediate PersistentVolumeClaims") {
			w.Errorf("message %q", m)
		}

		// The provisioner is told the node, and the pod waits for the volume.
		w.create(testPod("dynamic", "3", using("later")))
		w.wantNode("dynamic", "")
		claim, err := client.Of(w, client.PersistentVolumeClaims).Get(w.Context(), "default", "later")
		if err != nil {
			w.Fatal(err)
		}
		node := claim.Annotations["volume.kubernetes.io/selected-node"]
		w.Put(testVolume("made", "later", node))
		w.bindClaim("later", "made")
		w.wantNode("dynamic", node)

		// A claim for a single pod serves one after the other.
		w.Put(testVolume("one", "now", "n1"))
		w.bindClaim("one", "one")
		w.create(testPod("first", "100m", using("one")))
		w.wantNode("first", "n1")
		w.create(testPod("second", "100m", using("one")))
		w.wantNode("second", "")
		if err := client.Of(w, client.Pods).Delete(w.Context(), "default", "first", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			w.Fatal(err)
		}
		w.wantNode("second", "n1")

		// A volume that is there decides the node.
		w.create(testPod("local", "1", using("local")))
		volume, err := client.Of(w, client.PersistentVolumes).Get(w.Context(), "", "disk")
		if err != nil {
			w.Fatal(err)
		}
		if volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.Name != "local" {
			w.Fatalf("the volume was not given to the claim: %+v", volume.Spec.ClaimRef)
		}
		w.bindClaim("local", "disk")
		w.wantNode("local", "n2")
	},
		testNode("n1", "4"), testNode("n2", "4"),
		testClass("now", "x", storagev1.VolumeBindingImmediate), testClass("later", "x", storagev1.VolumeBindingWaitForFirstConsumer),
		testClass("local", "kubernetes.io/no-provisioner", storagev1.VolumeBindingWaitForFirstConsumer),
		singlePod(testClaim("one", "now")), testClaim("now", "now"), testClaim("later", "later"), testClaim("local", "local"), testVolume("disk", "local", "n2"))
}
