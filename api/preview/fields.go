package preview

import (
	"reflect"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
	"minke/api/feature"
)

// fields are those of stable kinds that belong to features which are off unless
// somebody turns them on. While one is off, its fields are dropped from what is
// written, but not from objects that have them already.
var fields = []struct {
	gate  string
	of    reflect.Type
	names []string
}{
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.ConfigMapVolumeSource](), []string{"DefaultUser"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.SecretVolumeSource](), []string{"DefaultUser"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.DownwardAPIVolumeSource](), []string{"DefaultUser"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.ProjectedVolumeSource](), []string{"DefaultUser"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.KeyToPath](), []string{"User"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.DownwardAPIVolumeFile](), []string{"User"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.ServiceAccountTokenProjection](), []string{"User"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.ClusterTrustBundleProjection](), []string{"User"}},
	{"AtomicWriteVolumeUserFields", reflect.TypeFor[corev1.PodCertificateProjection](), []string{"User"}},
	{"ContainerStopSignals", reflect.TypeFor[corev1.Lifecycle](), []string{"StopSignal"}},
	{"CoordinatedLeaderElection", reflect.TypeFor[coordinationv1.LeaseSpec](), []string{"Strategy", "PreferredHolder"}},
	{"CSIVolumeHealth", reflect.TypeFor[storagev1.CSINodeStatus](), []string{"StorageHealth"}},
	{"DRADeviceCompatibilityGroups", reflect.TypeFor[resourcev1.DeviceCounterConsumption](), []string{"CompatibilityGroups"}},
	{"DRANodeAllocatableResources", reflect.TypeFor[resourcev1.Device](), []string{"NodeAllocatableResources"}},
	{"DRAOptionalNodeOperations", reflect.TypeFor[resourcev1.ResourceSliceSpec](), []string{"SkipNodeOperations"}},
	{"DRAOptionalNodeOperations", reflect.TypeFor[resourcev1.DeviceRequestAllocationResult](), []string{"SkipNodeOperations"}},
	{"DRAPartitionableDevicesType", reflect.TypeFor[resourcev1.ResourceSliceSpec](), []string{"PartitionTypeAttribute"}},
	{"EmptyDirVolumeMode", reflect.TypeFor[corev1.EmptyDirVolumeSource](), []string{"Mode"}},
	{"EvictionRequestAPI", reflect.TypeFor[corev1.PodSpec](), []string{"EvictionResponders"}},
	{"GenericWorkload", reflect.TypeFor[corev1.PodSpec](), []string{"SchedulingGroup"}},
	{"GRPCContainerProbeTLS", reflect.TypeFor[corev1.GRPCAction](), []string{"Mode"}},
	{"H2CContainerProbe", reflect.TypeFor[corev1.HTTPGetAction](), []string{"Protocol"}},
	{"InPlacePodVerticalScalingSchedulerPreemption", reflect.TypeFor[corev1.NodeSpec](), []string{"PodPreemptionPolicy"}},
	{"VolumeBindMountOptions", reflect.TypeFor[corev1.VolumeMount](), []string{"BindMountOptions"}},
	{"VolumeLimitScaling", reflect.TypeFor[storagev1.CSIDriverSpec](), []string{"PreventPodSchedulingIfMissing"}},
	{"WorkloadWithJob", reflect.TypeFor[batchv1.JobSpec](), []string{"Scheduling"}},
}

// DropFields makes the resources drop the fields of features that are off. What
// a kind has of them is found out when the first object of it is written.
func DropFields(resources []*api.Resource, gates feature.Gates) {
	var off gateSet
	for i, f := range fields {
		if !gates.Enabled(f.gate) {
			off |= 1 << i
		}
	}
	claims := gates.Enabled("CrossNamespaceVolumeDataSource")
	if off == 0 && claims {
		return
	}
	for _, r := range resources {
		if r.Kind == corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim") && !claims {
			dropForeignSources(r)
		}
		create, update := r.PrepareForCreate, r.PrepareForUpdate
		r.PrepareForCreate = func(obj api.Object) {
			drop(obj, used(obj)&off)
			create(obj)
		}
		r.PrepareForUpdate = func(obj, old api.Object) {
			dropNew(obj, old, off)
			update(obj, old)
		}
		dropStatus(r, gates)
		if status, ok := r.Subresources["status"]; ok && inStatus[r.GroupResource().String()] {
			prepare := status.Prepare
			status.Prepare = func(obj, old api.Object) {
				dropNew(obj, old, off)
				prepare(obj, old)
			}
			r.Subresources["status"] = status
		}
	}
}

// dropForeignSources makes claims drop a data source in another namespace, the
// reference as a whole, unless the claim had one (KEP-3294). The claims that
// workloads make are left alone until they are made.
func dropForeignSources(r *api.Resource) {
	create, update := r.PrepareForCreate, r.PrepareForUpdate
	dropForeign := func(obj api.Object) {
		c := obj.(*corev1.PersistentVolumeClaim)
		if ref := c.Spec.DataSourceRef; ref != nil && ref.Namespace != nil && *ref.Namespace != "" {
			c.Spec.DataSourceRef = nil
		}
	}
	r.PrepareForCreate = func(obj api.Object) {
		dropForeign(obj)
		create(obj)
	}
	r.PrepareForUpdate = func(obj, old api.Object) {
		if old.(*corev1.PersistentVolumeClaim).Spec.DataSourceRef == nil {
			dropForeign(obj)
		}
		update(obj, old)
	}
}

// inStatus are the resources of which a status has such fields. All others'
// statuses, of which there are many more, need not be looked through.
var inStatus = map[string]bool{"csinodes.storage.k8s.io": true, "resourceclaims.resource.k8s.io": true}

// dropNew drops what old does not have.
func dropNew(obj, old api.Object, off gateSet) {
	if found := used(obj) & off; found != 0 {
		drop(obj, found&^used(old))
	}
}

// gateSet has a bit for each entry of fields.
type gateSet uint64

func used(obj api.Object) gateSet { return visit(reflect.ValueOf(obj), 0) }

func drop(obj api.Object, which gateSet) {
	if which != 0 {
		visit(reflect.ValueOf(obj), which)
	}
}

// plan says where in values of a type the fields are; nil means nowhere.
type plan struct {
	// gated are the fields of a struct, by index, with their entry in fields.
	gated map[int]int
	// within are the fields of a struct that hold more.
	within []int
}

var plans = struct {
	sync.Mutex
	of map[reflect.Type]*plan
}{of: map[reflect.Type]*plan{}}

// planOf returns the plan of a type, made when it is first asked for.
func planOf(t reflect.Type) *plan {
	plans.Lock()
	defer plans.Unlock()
	return planLocked(t)
}

func planLocked(t reflect.Type) *plan {
	if p, ok := plans.of[t]; ok {
		return p
	}
	plans.of[t] = nil // ends recursion: a type that holds itself adds nothing new
	var p plan
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		if planLocked(t.Elem()) == nil {
			return nil
		}
	case reflect.Struct:
		for entry, f := range fields {
			for _, name := range f.names {
				if field, ok := t.FieldByName(name); ok && f.of == t {
					if p.gated == nil {
						p.gated = map[int]int{}
					}
					p.gated[field.Index[0]] = entry
				}
			}
		}
		for i := range t.NumField() {
			if t.Field(i).IsExported() && planLocked(t.Field(i).Type) != nil {
				p.within = append(p.within, i)
			}
		}
		if p.gated == nil && p.within == nil {
			return nil
		}
	default:
		return nil
	}
	plans.of[t] = &p
	return &p
}

var lifecycle = reflect.TypeFor[*corev1.Lifecycle]()

// visit returns which of the fields are set in v, and clears those of clear.
func visit(v reflect.Value, clear gateSet) gateSet {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return 0
		}
		found := visit(v.Elem(), clear)
		if found&clear != 0 && v.Type() == lifecycle && v.Elem().IsZero() {
			v.SetZero() // Kubernetes leaves no empty one behind
		}
		return found
	case reflect.Slice:
		var found gateSet
		for i := range v.Len() {
			found |= visit(v.Index(i), clear)
		}
		return found
	}
	p := planOf(v.Type())
	if p == nil {
		return 0
	}
	var found gateSet
	for i, entry := range p.gated {
		if field := v.Field(i); !field.IsZero() {
			found |= 1 << entry
			if clear&(1<<entry) != 0 {
				field.SetZero()
			}
		}
	}
	for _, i := range p.within {
		found |= visit(v.Field(i), clear)
	}
	return found
}
