package preview

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/api/feature"
)

// TestFieldsExist: every field of the table is one of its type, and every gate
// is known and can be set.
func TestFieldsExist(t *testing.T) {
	for _, f := range fields {
		for _, name := range f.names {
			if _, ok := f.of.FieldByName(name); !ok {
				t.Errorf("%s has no field %s", f.of, name)
			}
		}
		for _, value := range []string{"=true", "=false"} {
			gates, err := feature.Parse(f.gate + value)
			if err != nil || gates.Enabled(f.gate) != (value == "=true") {
				t.Errorf("%s%s: %v", f.gate, value, err)
			}
		}
	}
}

func pods(gates string, t *testing.T) *api.Resource {
	r := api.Definition[*corev1.Pod]{New: api.New[corev1.Pod], NewList: func() runtime.Object { return nil }}.Resource()
	set, err := feature.Parse(gates)
	if err != nil {
		t.Fatal(err)
	}
	DropFields([]*api.Resource{r}, set)
	return r
}

func podWith(mode int32) *corev1.Pod {
	p := &corev1.Pod{}
	p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Mode: &mode, Medium: "Memory"}}}}
	p.Spec.Containers = []corev1.Container{{VolumeMounts: []corev1.VolumeMount{{Name: "a", BindMountOptions: []string{"x"}}}}}
	return p
}

// TestDropFields: what is off is dropped, unless the object had it before.
func TestDropFields(t *testing.T) {
	made := podWith(1)
	pods("", t).PrepareForCreate(made)
	if d := made.Spec.Volumes[0].EmptyDir; d.Mode != nil || d.Medium != "Memory" || made.Spec.Containers[0].VolumeMounts[0].BindMountOptions != nil {
		t.Errorf("not dropped: %+v", made.Spec)
	}
	kept := podWith(1)
	pods("EmptyDirVolumeMode=true", t).PrepareForCreate(kept)
	if kept.Spec.Volumes[0].EmptyDir.Mode == nil || kept.Spec.Containers[0].VolumeMounts[0].BindMountOptions != nil {
		t.Errorf("%+v", kept.Spec)
	}
	old, changed := podWith(1), podWith(2)
	old.Spec.Containers[0].VolumeMounts[0].BindMountOptions = nil
	pods("", t).PrepareForUpdate(changed, old)
	if changed.Spec.Volumes[0].EmptyDir.Mode == nil || changed.Spec.Containers[0].VolumeMounts[0].BindMountOptions != nil {
		t.Errorf("%+v", changed.Spec)
	}
}

func BenchmarkNothingToDrop(b *testing.B) {
	p := podWith(1)
	drop(p, used(p))
	b.ReportAllocs()
	for b.Loop() {
		used(p)
	}
}
