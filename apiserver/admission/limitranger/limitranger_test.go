package limitranger

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission/admissiontest"
)

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func limitRange(items ...corev1.LimitRangeItem) api.Object {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "l"}, Spec: corev1.LimitRangeSpec{Limits: items}}
}

func pod(requests, limits corev1.ResourceList) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}},
	}}
}

func TestBounds(t *testing.T) {
	container := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: list("cpu", "50m"), Max: list("cpu", "500m"), MaxLimitRequestRatio: list("cpu", "2")}
	whole := corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: list("memory", "1Gi")}
	volume := corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Min: list("storage", "1Gi"), Max: list("storage", "5Gi")}
	claim := func(size string) api.Object {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "v"}, Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: list("storage", size)}}}
	}
	for _, c := range []struct {
		name string
		item corev1.LimitRangeItem
		obj  api.Object
		want string
	}{
		{"within", container, pod(list("cpu", "100m"), list("cpu", "200m")), ""},
		{"limit above", container, pod(list("cpu", "300m"), list("cpu", "600m")), "maximum cpu usage per Container is 500m, but limit is 600m"},
		{"no limit", container, pod(list("cpu", "300m"), nil), "maximum cpu usage per Container is 500m.  No limit is specified"},
		{"request below", container, pod(list("cpu", "10m"), list("cpu", "20m")), "minimum cpu usage per Container is 50m, but request is 10m"},
		{"ratio", container, pod(list("cpu", "100m"), list("cpu", "400m")), "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000"},
		{"whole pod", whole, pod(nil, list("memory", "2Gi")), "maximum memory usage per Pod is 1Gi, but limit is 2Gi"},
		{"claim within", volume, claim("2Gi"), ""},
		{"claim above", volume, claim("6Gi"), "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi"},
		{"claim below", volume, claim("1Mi"), "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"},
	} {
		got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: admissiontest.Of(limitRange(c.item))}, admissiontest.Create(c.obj)))
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// SCH001: a pod gets the defaults that it lacks, and keeps what it has.
func TestDefaults(t *testing.T) {
	item := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: list("cpu", "500m", "memory", "500Mi"), DefaultRequest: list("cpu", "100m", "memory", "200Mi")}
	p := pod(list("cpu", "300m"), nil)
	if err := admissiontest.Run(&Plugin{Reader: admissiontest.Of(limitRange(item))}, admissiontest.Create(p)); err != nil {
		t.Fatal(err)
	}
	r := p.Spec.Containers[0].Resources
	if r.Requests.Cpu().String() != "300m" || r.Requests.Memory().String() != "200Mi" || r.Limits.Cpu().String() != "500m" || r.Limits.Memory().String() != "500Mi" {
		t.Errorf("resources %+v", r)
	}
	if got := p.Annotations[annotation]; got != "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c" {
		t.Errorf("annotation %q", got)
	}
}
