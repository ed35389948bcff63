package preview

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
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

// TestDropStopSignal: what is left of a lifecycle goes with its only field.
func TestDropStopSignal(t *testing.T) {
	for _, c := range []struct {
		gates      string
		hook       bool
		kept, sent bool
	}{{"", false, false, false}, {"", true, true, false}, {"ContainerStopSignals=true", false, true, true}} {
		p, signal := &corev1.Pod{}, corev1.SIGABRT
		l := &corev1.Lifecycle{StopSignal: &signal}
		if c.hook {
			l.PreStop = &corev1.LifecycleHandler{}
		}
		p.Spec.InitContainers = []corev1.Container{{Lifecycle: l}}
		pods(c.gates, t).PrepareForCreate(p)
		if got := p.Spec.InitContainers[0].Lifecycle; (got != nil) != c.kept || (got != nil && got.StopSignal != nil) != c.sent {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// TestDropForeignSources: a claim loses the reference to another namespace,
// unless it had one.
func TestDropForeignSources(t *testing.T) {
	ref := func(namespace string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{}
		if namespace != "none" {
			c.Spec.DataSourceRef = &corev1.TypedObjectReference{Kind: "K", Name: "n", Namespace: &namespace}
		}
		return c
	}
	for _, c := range []struct {
		gates, old, made string
		kept             bool
	}{{"", "", "other", false}, {"", "", "", true}, {"", "none", "other", false}, {"", "other", "other", true}, {"CrossNamespaceVolumeDataSource=true", "", "other", true}} {
		set, err := feature.Parse(c.gates)
		if err != nil {
			t.Fatal(err)
		}
		r := api.Definition[*corev1.PersistentVolumeClaim]{
			Kind: corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), New: api.New[corev1.PersistentVolumeClaim], NewList: func() runtime.Object { return nil },
		}.Resource()
		DropFields([]*api.Resource{r}, set)
		claim := ref(c.made)
		if c.old == "" {
			r.PrepareForCreate(claim)
		} else {
			r.PrepareForUpdate(claim, ref(c.old))
		}
		if kept := claim.Spec.DataSourceRef != nil; kept != c.kept {
			t.Errorf("%+v: kept %t", c, kept)
		}
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

// TestDropStatusFields: a status has such fields too, and its own way to be
// written.
func TestDropStatusFields(t *testing.T) {
	for _, c := range []struct {
		gates        string
		before, want int
	}{{"", 0, 0}, {"", 1, 2}, {"CSIVolumeHealth=true", 0, 2}} {
		gates, err := feature.Parse(c.gates)
		if err != nil {
			t.Fatal(err)
		}
		r := api.Definition[*storagev1.CSINode]{
			Kind: storagev1.SchemeGroupVersion.WithKind("CSINode"), Plural: "csinodes",
			New: api.New[storagev1.CSINode], NewList: func() runtime.Object { return nil },
			Subresources: map[string]api.Subresource[*storagev1.CSINode]{"status": {Prepare: func(_, _ *storagev1.CSINode) {}}},
		}.Resource()
		DropFields([]*api.Resource{r}, gates)
		old, obj := &storagev1.CSINode{}, &storagev1.CSINode{}
		if c.before > 0 {
			old.Status.StorageHealth = make([]storagev1.StorageHealth, c.before)
		}
		obj.Status.StorageHealth = make([]storagev1.StorageHealth, 2)
		r.Subresources["status"].Prepare(obj, old)
		if got := len(obj.Status.StorageHealth); got != c.want {
			t.Errorf("gates %q, %d before: %d left, want %d", c.gates, c.before, got, c.want)
		}
	}
}

// TestDropDeviceFields: fields in lists, and in a claim's status, are found too.
func TestDropDeviceFields(t *testing.T) {
	slices := api.Definition[*resourcev1.ResourceSlice]{New: api.New[resourcev1.ResourceSlice], NewList: func() runtime.Object { return nil }}.Resource()
	claims := api.Definition[*resourcev1.ResourceClaim]{
		Kind: resourcev1.SchemeGroupVersion.WithKind("ResourceClaim"), Plural: "resourceclaims",
		New: api.New[resourcev1.ResourceClaim], NewList: func() runtime.Object { return nil },
		Subresources: map[string]api.Subresource[*resourcev1.ResourceClaim]{"status": {Prepare: func(_, _ *resourcev1.ResourceClaim) {}}},
	}.Resource()
	DropFields([]*api.Resource{slices, claims}, nil)
	slice := &resourcev1.ResourceSlice{}
	slice.Spec.SkipNodeOperations = []resourcev1.SkipNodeOperation{"*"}
	slice.Spec.Devices = []resourcev1.Device{{ConsumesCounters: []resourcev1.DeviceCounterConsumption{{CounterSet: "c", CompatibilityGroups: []string{"g"}}}}}
	slices.PrepareForCreate(slice)
	if c := slice.Spec.Devices[0].ConsumesCounters[0]; slice.Spec.SkipNodeOperations != nil || c.CompatibilityGroups != nil || c.CounterSet != "c" {
		t.Errorf("not dropped: %+v", slice.Spec)
	}
	claim := &resourcev1.ResourceClaim{}
	claim.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
		Results: []resourcev1.DeviceRequestAllocationResult{{Device: "d", SkipNodeOperations: []resourcev1.SkipNodeOperation{"*"}}},
	}}
	claims.Subresources["status"].Prepare(claim, &resourcev1.ResourceClaim{})
	if r := claim.Status.Allocation.Devices.Results[0]; r.SkipNodeOperations != nil || r.Device != "d" {
		t.Errorf("not dropped: %+v", r)
	}
}
