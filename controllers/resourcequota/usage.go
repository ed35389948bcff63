package resourcequota

import (
	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/quota"
	"minke/client"
)

// usage counts what the quota limits and we can count now.
func (c *Controller) usage(q *corev1.ResourceQuota) corev1.ResourceList {
	devices := c.devices()
	sources := map[schema.GroupResource][]corev1.ResourceName{}
	for name := range q.Spec.Hard {
		if of, ok := quota.Counted(name); ok {
			sources[of] = append(sources[of], name)
			continue
		}
		for _, of := range quota.Measured {
			if quota.Counts(of, name, devices) {
				sources[of] = append(sources[of], name)
			}
		}
	}
	used, missing := corev1.ResourceList{}, map[corev1.ResourceName]bool{}
	for of, names := range sources {
		view := c.counted.find(of)
		if view == nil || of == deviceClasses.GroupResource() {
			for _, name := range names {
				missing[name] = true
			}
			continue
		}
		c.count(q, of, names, view.List(q.Namespace, nil), devices, used)
	}
	for name := range missing {
		delete(used, name)
	}
	return used
}

// count adds what the objects use of names to used.
func (c *Controller) count(q *corev1.ResourceQuota, of schema.GroupResource, names []corev1.ResourceName, objs []client.Object, devices *quota.Devices, used corev1.ResourceList) {
	for _, name := range names {
		quota.Add(used, corev1.ResourceList{name: *resource.NewQuantity(0, resource.DecimalSI)})
	}
	for _, obj := range objs {
		if !quota.Covers(q, obj) {
			continue
		}
		all, own := quota.Usage(of, obj, devices), corev1.ResourceList{}
		for _, name := range names {
			if n, ok := all[name]; ok {
				own[name] = n
			}
		}
		quota.Add(used, own)
	}
}

// devices returns what the usage of resource claims depends on.
func (c *Controller) devices() *quota.Devices {
	d := &quota.Devices{Pod: c.pod, Claims: c.claims}
	if view := c.counted.find(deviceClasses.GroupResource()); view != nil {
		for _, obj := range view.List("", nil) {
			if class, ok := obj.(*resourceapi.DeviceClass); ok {
				d.Classes = append(d.Classes, class)
			}
		}
	}
	return d
}

func (c *Controller) pod(namespace, name string) *corev1.Pod {
	if view := c.counted.find(quota.Pods); view != nil {
		if obj, ok := view.Get(namespace, name); ok {
			pod, _ := obj.(*corev1.Pod)
			return pod
		}
	}
	return nil
}

func (c *Controller) claims(namespace string) []*resourceapi.ResourceClaim {
	var out []*resourceapi.ResourceClaim
	if view := c.counted.find(quota.ResourceClaims); view != nil {
		for _, obj := range view.List(namespace, nil) {
			if claim, ok := obj.(*resourceapi.ResourceClaim); ok {
				out = append(out, claim)
			}
		}
	}
	return out
}
