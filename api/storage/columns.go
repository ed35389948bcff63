package storage

import (
	"strings"

	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

// The annotations that mark the class used by claims that name none.
var defaultClass = []string{"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"}

func orUnset[V ~string](v *V) any {
	if v == nil {
		return api.Unset
	}
	return string(*v)
}

func isTrue(b *bool) bool { return b != nil && *b }

func storageClassColumns() []api.Column[*storagev1.StorageClass] {
	return []api.Column[*storagev1.StorageClass]{
		{Name: "Name", Format: "name", Cell: func(c *storagev1.StorageClass) any {
			for _, annotation := range defaultClass {
				if c.Annotations[annotation] == "true" {
					return c.Name + " (default)"
				}
			}
			return c.Name
		}},
		{Name: "Provisioner", Cell: func(c *storagev1.StorageClass) any { return c.Provisioner }},
		{Name: "ReclaimPolicy", Cell: func(c *storagev1.StorageClass) any { return orUnset(c.ReclaimPolicy) }},
		{Name: "VolumeBindingMode", Cell: func(c *storagev1.StorageClass) any { return orUnset(c.VolumeBindingMode) }},
		{Name: "AllowVolumeExpansion", Cell: func(c *storagev1.StorageClass) any { return isTrue(c.AllowVolumeExpansion) }},
		api.AgeColumn[*storagev1.StorageClass](),
	}
}

func csiNodeColumns() []api.Column[*storagev1.CSINode] {
	return []api.Column[*storagev1.CSINode]{
		{Name: "Drivers", Type: "integer", Cell: func(n *storagev1.CSINode) any { return int64(len(n.Spec.Drivers)) }},
		api.AgeColumn[*storagev1.CSINode](),
	}
}

func csiDriverColumns() []api.Column[*storagev1.CSIDriver] {
	flag := func(name string, value func(*storagev1.CSIDriverSpec) *bool) api.Column[*storagev1.CSIDriver] {
		return api.Column[*storagev1.CSIDriver]{Name: name, Type: "boolean", Cell: func(d *storagev1.CSIDriver) any { return isTrue(value(&d.Spec)) }}
	}
	return []api.Column[*storagev1.CSIDriver]{
		flag("AttachRequired", func(s *storagev1.CSIDriverSpec) *bool { return s.AttachRequired }),
		flag("PodInfoOnMount", func(s *storagev1.CSIDriverSpec) *bool { return s.PodInfoOnMount }),
		flag("StorageCapacity", func(s *storagev1.CSIDriverSpec) *bool { return s.StorageCapacity }),
		{Name: "TokenRequests", Cell: func(d *storagev1.CSIDriver) any {
			var audiences []string
			for _, t := range d.Spec.TokenRequests {
				audiences = append(audiences, t.Audience)
			}
			if len(audiences) == 0 {
				return api.Unset
			}
			return strings.Join(audiences, ",")
		}},
		flag("RequiresRepublish", func(s *storagev1.CSIDriverSpec) *bool { return s.RequiresRepublish }),
		{Name: "Modes", Cell: func(d *storagev1.CSIDriver) any {
			var modes []string
			for _, m := range d.Spec.VolumeLifecycleModes {
				modes = append(modes, string(m))
			}
			return api.OrNone(strings.Join(modes, ","))
		}},
		api.AgeColumn[*storagev1.CSIDriver](),
	}
}

func volumeAttachmentColumns() []api.Column[*storagev1.VolumeAttachment] {
	return []api.Column[*storagev1.VolumeAttachment]{
		{Name: "Attacher", Format: "name", Cell: func(a *storagev1.VolumeAttachment) any { return a.Spec.Attacher }},
		{Name: "PV", Cell: func(a *storagev1.VolumeAttachment) any {
			if a.Spec.Source.PersistentVolumeName == nil {
				return ""
			}
			return *a.Spec.Source.PersistentVolumeName
		}},
		{Name: "Node", Cell: func(a *storagev1.VolumeAttachment) any { return a.Spec.NodeName }},
		{Name: "Attached", Type: "boolean", Cell: func(a *storagev1.VolumeAttachment) any { return a.Status.Attached }},
		api.AgeColumn[*storagev1.VolumeAttachment](),
	}
}

func volumeAttributesClassColumns() []api.Column[*storagev1.VolumeAttributesClass] {
	return []api.Column[*storagev1.VolumeAttributesClass]{
		{Name: "DriverName", Cell: func(c *storagev1.VolumeAttributesClass) any { return c.DriverName }},
		api.AgeColumn[*storagev1.VolumeAttributesClass](),
	}
}
