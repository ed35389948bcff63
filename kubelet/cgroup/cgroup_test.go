package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	name := "minke-kubelet-test"
	tree := Tree{Root: "/" + name}
	t.Cleanup(func() {
		for _, dir := range []string{"kubepods/burstable", "kubepods/besteffort", "kubepods", ""} {
			m, _, err := open(filepath.Join("/", name, dir))
			if err == nil {
				err = m.Destroy()
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	if err := tree.Init(); err != nil {
		t.Fatal(err)
	}
	list := corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("64Mi")}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: list, Limits: list}}}}}
	for range 2 { // it may be called again
		if err := tree.Ensure(pod); err != nil {
			t.Fatal(err)
		}
	}
	found := ""
	for _, path := range []string{"/sys/fs/cgroup/memory" + tree.Parent(pod) + "/memory.limit_in_bytes", "/sys/fs/cgroup" + tree.Parent(pod) + "/memory.max"} {
		if raw, err := os.ReadFile(path); err == nil {
			found = string(raw)
		}
	}
	if found != "67108864\n" {
		t.Errorf("memory limit is %q", found)
	}
	if err := tree.Remove(pod); err != nil {
		t.Fatal(err)
	}
	if err := tree.Remove(pod); err != nil {
		t.Fatal("a second removal:", err)
	}
}
