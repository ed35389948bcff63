package core

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// internalOrder is the order of the fields in Kubernetes' internal types, where
// they are not as in v1: those named come first, in this order. A name without a
// field in v1 is left out.
var internalOrder = map[reflect.Type]string{
	reflect.TypeFor[corev1.PodSpec](): `Volumes InitContainers Containers EphemeralContainers RestartPolicy TerminationGracePeriodSeconds
		ActiveDeadlineSeconds DNSPolicy NodeSelector ServiceAccountName AutomountServiceAccountToken NodeName SecurityContext
		ImagePullSecrets Hostname Subdomain SetHostnameAsFQDN Affinity SchedulerName Tolerations HostAliases PriorityClassName Priority
		PreemptionPolicy DNSConfig ReadinessGates RuntimeClassName Overhead EnableServiceLinks TopologySpreadConstraints OS`,
	reflect.TypeFor[podSecurity](): `HostNetwork HostPID HostIPC ShareProcessNamespace HostUsers SELinuxOptions WindowsOptions RunAsUser
		RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup FSGroupChangePolicy Sysctls SeccompProfile`,
	reflect.TypeFor[corev1.VolumeSource](): `HostPath EmptyDir GCEPersistentDisk AWSElasticBlockStore GitRepo Secret NFS ISCSI Glusterfs
		PersistentVolumeClaim RBD Quobyte FlexVolume Cinder CephFS Flocker DownwardAPI FC AzureFile ConfigMap VsphereVolume AzureDisk
		PhotonPersistentDisk Projected PortworxVolume ScaleIO StorageOS CSI Ephemeral Image`,
	reflect.TypeFor[corev1.PersistentVolumeSource](): `GCEPersistentDisk AWSElasticBlockStore HostPath Glusterfs NFS RBD Quobyte ISCSI
		FlexVolume Cinder CephFS FC Flocker AzureFile VsphereVolume AzureDisk PhotonPersistentDisk PortworxVolume ScaleIO Local StorageOS CSI`,
}

// elsewhere are the fields of a pod that the internal type has in its security
// context, or not at all.
const elsewhere = " DeprecatedServiceAccount HostNetwork HostPID HostIPC ShareProcessNamespace HostUsers "

// podSecurity is a pod's security context as the internal type has it.
type podSecurity struct {
	HostNetwork, HostPID, HostIPC    bool
	ShareProcessNamespace, HostUsers *bool
	corev1.PodSecurityContext
}

func podSecurityOf(s *corev1.PodSpec) *podSecurity {
	out := &podSecurity{HostNetwork: s.HostNetwork, HostPID: s.HostPID, HostIPC: s.HostIPC, ShareProcessNamespace: s.ShareProcessNamespace, HostUsers: s.HostUsers}
	if s.SecurityContext != nil {
		out.PodSecurityContext = *s.SecurityContext
	}
	return out
}

type namedValue struct {
	name  string
	value reflect.Value
}

// fieldsOf lists the fields of a struct as the internal type has them; those of
// embedded structs are the struct's own.
func fieldsOf(v reflect.Value) []namedValue {
	var rest []namedValue
	spec, isPod := v.Interface().(corev1.PodSpec)
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case !f.IsExported() && !f.Anonymous, isPod && strings.Contains(elsewhere, " "+f.Name+" "):
		case isPod && f.Name == "SecurityContext":
			rest = append(rest, namedValue{f.Name, reflect.ValueOf(podSecurityOf(&spec))})
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			rest = append(rest, fieldsOf(v.Field(i))...)
		default:
			rest = append(rest, namedValue{f.Name, v.Field(i)})
		}
	}
	var first []namedValue
	for name := range strings.FieldsSeq(internalOrder[v.Type()]) {
		for i, f := range rest {
			if f.name == name {
				first = append(first, f)
				rest = append(rest[:i:i], rest[i+1:]...)
				break
			}
		}
	}
	return append(first, rest...)
}
