package quota

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func of[T any](v T) *T { return &v }

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func text(list corev1.ResourceList) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if q := list[name]; !q.IsZero() {
			parts = append(parts, string(name)+"="+q.String())
		}
	}
	return strings.Join(parts, " ")
}

func pod(requests, limits corev1.ResourceList, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "u"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}},
	}}
	if change != nil {
		change(p)
	}
	return p
}

func service(s corev1.ServiceSpec) *corev1.Service { return &corev1.Service{Spec: s} }

func claim(size string, change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: list("storage", size)}}}
	if change != nil {
		change(c)
	}
	return c
}

func TestUsage(t *testing.T) {
	crontabs := schema.GroupResource{Group: "stable.example.com", Resource: "crontabs"}
	const running = "count/pods=1 "
	for name, c := range map[string]struct {
		of   schema.GroupResource
		obj  runtime.Object
		want string
	}{
		"custom resource": {crontabs, &metav1.PartialObjectMetadata{}, "count/crontabs.stable.example.com=1"},
		"config map":      {schema.GroupResource{Resource: "configmaps"}, &corev1.ConfigMap{}, "configmaps=1 count/configmaps=1"},
		"pod": {Pods, pod(list("cpu", "1", "memory", "1Gi", "ephemeral-storage", "2Gi", "hugepages-2Mi", "4Mi", "example.com/gpu", "2", "kubernetes.io/own", "1"), list("cpu", "2"), nil),
			running + "cpu=1 ephemeral-storage=2Gi hugepages-2Mi=4Mi limits.cpu=2 memory=1Gi pods=1 requests.cpu=1 requests.ephemeral-storage=2Gi requests.example.com/gpu=2 requests.hugepages-2Mi=4Mi requests.memory=1Gi"},
		"implied by a device class": {Pods, pod(list("deviceclass.resource.kubernetes.io/gpu", "2"), nil, nil), running + "pods=1 requests.deviceclass.resource.kubernetes.io/gpu=2"},
		"resources of the pod as a whole": {Pods, pod(list("cpu", "1"), nil, func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "3")}
		}), running + "cpu=3 pods=1 requests.cpu=3"},
		"resize that is not done": {Pods, pod(list("cpu", "1"), nil, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", AllocatedResources: list("cpu", "4"), Resources: &corev1.ResourceRequirements{Requests: list("cpu", "4")}}}
		}), running + "cpu=4 pods=1 requests.cpu=4"},
		"pod that has ended": {Pods, pod(list("cpu", "1"), nil, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), "count/pods=1"},
		"cluster IP":         {Services, service(corev1.ServiceSpec{Type: "ClusterIP", Ports: make([]corev1.ServicePort, 2)}), "count/services=1 services=1"},
		"node ports":         {Services, service(corev1.ServiceSpec{Type: "NodePort", Ports: make([]corev1.ServicePort, 2)}), "count/services=1 services=1 services.nodeports=2"},
		"load balancer":      {Services, service(corev1.ServiceSpec{Type: "LoadBalancer", Ports: make([]corev1.ServicePort, 2)}), "count/services=1 services=1 services.loadbalancers=1 services.nodeports=2"},
		"load balancer without node ports but one": {Services, service(corev1.ServiceSpec{Type: "LoadBalancer", AllocateLoadBalancerNodePorts: of(false), Ports: []corev1.ServicePort{{NodePort: 30000}, {}}}),
			"count/services=1 services=1 services.loadbalancers=1 services.nodeports=1"},
		"claim": {VolumeClaims, claim("1Gi", nil), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=1Gi"},
		"claim of a class": {VolumeClaims, claim("1Gi", func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = of("gold") }),
			"count/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/requests.storage=1Gi persistentvolumeclaims=1 requests.storage=1Gi"},
		"class by annotation": {VolumeClaims, claim("1", func(c *corev1.PersistentVolumeClaim) {
			c.Annotations, c.Spec.StorageClassName = map[string]string{corev1.BetaStorageClassAnnotation: ""}, of("gold")
		}), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=1"},
		"expansion given up": {VolumeClaims, claim("1Gi", func(c *corev1.PersistentVolumeClaim) { c.Status.AllocatedResources = list("storage", "3Gi") }),
			"count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=3Gi"},
		"part of a byte": {VolumeClaims, claim("1500m", nil), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Usage(c.of, c.obj, nil)
			if text(got) != c.want {
				t.Errorf("usage is %s\nwanted   %s", text(got), c.want)
			}
			for name, q := range got {
				if !q.IsZero() && !Counts(c.of, name, nil) {
					t.Errorf("%s is used, and not counted", name)
				}
			}
		})
	}
}

// TestPodThatStays: a pod that its node does not end is counted until it should be
// gone.
func TestPodThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pod(nil, nil, func(p *corev1.Pod) {
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, of(int64(30))
		})
		if time.Sleep(30 * time.Second); !Runs(p) {
			t.Error("the pod is not counted while it may end by itself")
		}
		if time.Sleep(time.Second); Runs(p) {
			t.Error("the pod is counted though it should be gone")
		}
	})
}

func TestDevices(t *testing.T) {
	exactly := func(class string, n int64) resourceapi.DeviceRequest {
		return resourceapi.DeviceRequest{Exactly: &resourceapi.ExactDeviceRequest{DeviceClassName: class, AllocationMode: resourceapi.DeviceAllocationModeExactCount, Count: n}}
	}
	ask := func(requests ...resourceapi.DeviceRequest) *resourceapi.ResourceClaim {
		return &resourceapi.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}, Spec: resourceapi.ResourceClaimSpec{Devices: resourceapi.DeviceClaim{Requests: requests}}}
	}
	made := func(c *resourceapi.ResourceClaim, uid types.UID) *resourceapi.ResourceClaim {
		c.Annotations = map[string]string{resourceapi.ExtendedResourceClaimAnnotation: "true"}
		c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "p", UID: uid, Controller: of(true)}}
		return c
	}
	first := made(ask(exactly("gpu", 1)), "u")
	first.Name = "a"
	owner := pod(list("example.com/gpu", "2"), nil, nil)
	alternatives := resourceapi.DeviceRequest{FirstAvailable: []resourceapi.DeviceSubRequest{
		{DeviceClassName: "nic", AllocationMode: resourceapi.DeviceAllocationModeExactCount, Count: 3},
		{DeviceClassName: "nic", AllocationMode: resourceapi.DeviceAllocationModeExactCount, Count: 2},
		{DeviceClassName: "disk", AllocationMode: resourceapi.DeviceAllocationModeAll},
	}}
	const one = "count/resourceclaims.resource.k8s.io=1 "
	for name, c := range map[string]struct {
		claim  *resourceapi.ResourceClaim
		others []*resourceapi.ResourceClaim
		want   string
	}{
		"two requests": {ask(exactly("nic", 1), exactly("nic", 2)), nil, one + "nic.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/nic=3"},
		"alternatives": {ask(alternatives), nil, one + "disk.deviceclass.resource.k8s.io/devices=32 nic.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/disk=32 requests.deviceclass.resource.kubernetes.io/nic=3"},
		"of a class that is an extended resource": {ask(exactly("gpu", 3)), nil, one + "gpu.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/gpu=3 requests.example.com/gpu=3"},
		"made for a pod":           {made(ask(exactly("gpu", 3)), "u"), nil, one + "gpu.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/gpu=3 requests.example.com/gpu=1"},
		"made for a pod before":    {made(ask(exactly("gpu", 3)), "old"), nil, one + "gpu.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/gpu=3 requests.example.com/gpu=3"},
		"a second one for the pod": {made(ask(exactly("gpu", 3)), "u"), []*resourceapi.ResourceClaim{first}, one + "gpu.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/gpu=3 requests.example.com/gpu=3"},
	} {
		t.Run(name, func(t *testing.T) {
			devices := &Devices{
				Classes: []*resourceapi.DeviceClass{{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourceapi.DeviceClassSpec{ExtendedResourceName: of("example.com/gpu")}}, {ObjectMeta: metav1.ObjectMeta{Name: "nic"}}},
				Pod:     func(string, string) *corev1.Pod { return owner },
				Claims:  func(string) []*resourceapi.ResourceClaim { return append(c.others, c.claim) },
			}
			if got := text(Usage(ResourceClaims, c.claim, devices)); got != c.want {
				t.Errorf("usage is %s\nwanted   %s", got, c.want)
			}
			for name, want := range map[corev1.ResourceName]bool{
				"requests.example.com/gpu": true, "requests.example.com/nic": false, "requests.deviceclass.resource.kubernetes.io/nic": true,
				"requests.deviceclass.resource.kubernetes.io/none": false, "none.deviceclass.resource.k8s.io/devices": true, "requests.cpu": false,
			} {
				if Counts(ResourceClaims, name, devices) != want {
					t.Errorf("%s counts for claims: %t", name, !want)
				}
			}
		})
	}
}

func TestCounts(t *testing.T) {
	for name, want := range map[corev1.ResourceName][]schema.GroupResource{
		"pods": {Pods}, "count/pods": {Pods}, "requests.example.com/x": {Pods}, "example.com/x": nil, "hugepages-1Gi": {Pods},
		"requests.kubernetes.io/x": nil, "requests.storage": {VolumeClaims}, "a.storageclass.storage.k8s.io/requests.storage": {VolumeClaims},
		"services.nodeports": {Services}, "services": {Services}, "count/services": {Services}, "count/events": nil, "count/resourceclaims.resource.k8s.io": {ResourceClaims},
	} {
		var got []schema.GroupResource
		for _, of := range append([]schema.GroupResource{{Resource: "events"}}, Measured...) {
			if Counts(of, name, nil) {
				got = append(got, of)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s counts for %v, wanted %v", name, got, want)
		}
	}
}
