package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateVolumes checks a pod's volumes and returns them by name.
func validateVolumes(volumes []corev1.Volume, path *field.Path) (field.ErrorList, map[string]*corev1.Volume) {
	var errs field.ErrorList
	known := map[string]*corev1.Volume{}
	for i := range volumes {
		v, at := &volumes[i], path.Index(i)
		errs = append(errs, validateVolumeSource(&v.VolumeSource, at)...)
		msgs := validation.IsDNS1123Label(v.Name)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case len(msgs) > 0:
			for _, msg := range msgs {
				errs = append(errs, field.Invalid(at.Child("name"), v.Name, msg))
			}
		case known[v.Name] != nil:
			errs = append(errs, field.Duplicate(at.Child("name"), v.Name))
		default:
			known[v.Name] = v
		}
	}
	return errs, known
}

// source is one kind of volume: its field's name, whether it is used, and its
// check (nil when there is nothing to check).
type source struct {
	name  string
	set   bool
	check func(*field.Path) field.ErrorList
}

func validateVolumeSource(s *corev1.VolumeSource, path *field.Path) field.ErrorList {
	return oneSource(volumeSources(s), path)
}

// oneSource requires exactly one source, and checks it.
func oneSource(sources []source, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	some := false
	for _, source := range sources {
		switch {
		case !source.set:
		case some:
			errs = append(errs, field.Forbidden(path.Child(source.name), "may not specify more than 1 volume type"))
		default:
			some = true
			if source.check != nil {
				errs = append(errs, source.check(path.Child(source.name))...)
			}
		}
	}
	if !some {
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	return errs
}

func volumeSources(s *corev1.VolumeSource) []source {
	return []source{
		{"emptyDir", s.EmptyDir != nil, func(p *field.Path) field.ErrorList {
			if limit := s.EmptyDir.SizeLimit; limit != nil && limit.Sign() < 0 {
				return field.ErrorList{field.Forbidden(p.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
			}
			return nil
		}},
		{"hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return validateHostPath(s.HostPath, p) }},
		{"gitRepo", s.GitRepo != nil, func(p *field.Path) field.ErrorList { return required(p.Child("repository"), s.GitRepo.Repository) }},
		{"gcePersistentDisk", s.GCEPersistentDisk != nil, nil},
		{"awsElasticBlockStore", s.AWSElasticBlockStore != nil, nil},
		{"secret", s.Secret != nil, func(p *field.Path) field.ErrorList {
			errs := required(p.Child("secretName"), s.Secret.SecretName)
			errs = append(errs, fileMode(s.Secret.DefaultMode, p.Child("defaultMode"))...)
			return append(errs, keysToPaths(s.Secret.Items, p.Child("items"))...)
		}},
		{"nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return validateNFS(s.NFS, p) }},
		{"iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("targetPortal"), s.ISCSI.TargetPortal), required(p.Child("iqn"), s.ISCSI.IQN)...)
		}},
		{"glusterfs", s.Glusterfs != nil, nil},
		{"persistentVolumeClaim", s.PersistentVolumeClaim != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("claimName"), s.PersistentVolumeClaim.ClaimName)
		}},
		{"rbd", s.RBD != nil, nil},
		{"flexVolume", s.FlexVolume != nil, func(p *field.Path) field.ErrorList { return required(p.Child("driver"), s.FlexVolume.Driver) }},
		{"cinder", s.Cinder != nil, nil},
		{"cephfs", s.CephFS != nil, nil},
		{"flocker", s.Flocker != nil, nil},
		{"downwardAPI", s.DownwardAPI != nil, func(p *field.Path) field.ErrorList {
			errs := fileMode(s.DownwardAPI.DefaultMode, p.Child("defaultMode"))
			return append(errs, downwardFiles(s.DownwardAPI.Items, p)...)
		}},
		{"fc", s.FC != nil, nil},
		{"azureFile", s.AzureFile != nil, nil},
		{"configMap", s.ConfigMap != nil, func(p *field.Path) field.ErrorList {
			errs := required(p.Child("name"), s.ConfigMap.Name)
			errs = append(errs, fileMode(s.ConfigMap.DefaultMode, p.Child("defaultMode"))...)
			return append(errs, keysToPaths(s.ConfigMap.Items, p.Child("items"))...)
		}},
		{"vsphereVolume", s.VsphereVolume != nil, nil},
		{"quobyte", s.Quobyte != nil, nil},
		{"azureDisk", s.AzureDisk != nil, nil},
		{"photonPersistentDisk", s.PhotonPersistentDisk != nil, nil},
		{"projected", s.Projected != nil, func(p *field.Path) field.ErrorList { return validateProjected(s.Projected, p) }},
		{"portworxVolume", s.PortworxVolume != nil, nil},
		{"scaleIO", s.ScaleIO != nil, nil},
		{"storageos", s.StorageOS != nil, nil},
		{"csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return required(p.Child("driver"), s.CSI.Driver) }},
		{"ephemeral", s.Ephemeral != nil, func(p *field.Path) field.ErrorList {
			t := s.Ephemeral.VolumeClaimTemplate
			if t == nil {
				return field.ErrorList{field.Required(p.Child("volumeClaimTemplate"), "")}
			}
			return validateClaimSpec(&t.Spec, p.Child("volumeClaimTemplate", "spec"))
		}},
		{"image", s.Image != nil, func(p *field.Path) field.ErrorList {
			errs := required(p.Child("reference"), s.Image.Reference)
			return append(errs, enum(p.Child("pullPolicy"), s.Image.PullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
		}},
	}
}

func required(path *field.Path, value string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

func validateHostPath(h *corev1.HostPathVolumeSource, path *field.Path) field.ErrorList {
	if h.Path == "" {
		return field.ErrorList{field.Required(path.Child("path"), "")}
	}
	errs := noBacksteps(h.Path, path.Child("path"))
	if h.Type == nil || *h.Type == corev1.HostPathUnset {
		return errs
	}
	return append(errs, enum(path.Child("type"), *h.Type, corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory,
		corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
}

func validateNFS(n *corev1.NFSVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("server"), n.Server), required(path.Child("path"), n.Path)...)
	if n.Path != "" && n.Path[0] != '/' {
		errs = append(errs, field.Invalid(path.Child("path"), n.Path, "must be an absolute path"))
	}
	return errs
}

func fileMode(mode *int32, path *field.Path) field.ErrorList {
	if mode != nil && (*mode > 0o777 || *mode < 0) {
		return field.ErrorList{field.Invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}

func keysToPaths(items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		at := path.Index(i)
		errs = append(errs, required(at.Child("key"), item.Key)...)
		errs = append(errs, filePath(item.Path, at.Child("path"))...)
		errs = append(errs, fileMode(item.Mode, at.Child("mode"))...)
	}
	return errs
}

// filePath requires a relative path that neither climbs nor begins with "..":
// such names are the volume's own.
func filePath(p string, at *field.Path) field.ErrorList {
	if p == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := localPath(p, at)
	if len(p) > 1 && p[:2] == ".." && len(errs) == 0 {
		errs = append(errs, field.Invalid(at, p, "must not start with '..'"))
	}
	return errs
}

func downwardFiles(items []corev1.DownwardAPIVolumeFile, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		at := path.Child("items").Index(i)
		errs = append(errs, filePath(item.Path, at.Child("path"))...)
		errs = append(errs, fileMode(item.Mode, at.Child("mode"))...)
		switch {
		case item.FieldRef != nil:
			errs = append(errs, validateFieldRef(item.FieldRef, volumePaths, at.Child("fieldRef"))...)
			if item.ResourceFieldRef != nil {
				errs = append(errs, field.Invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
			}
		case item.ResourceFieldRef != nil:
			errs = append(errs, required(at.Child("resourceFieldRef", "containerName"), item.ResourceFieldRef.ContainerName)...)
			errs = append(errs, validateResourceRef(item.ResourceFieldRef, at.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
		}
	}
	return errs
}

func validateProjected(s *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	errs := fileMode(s.DefaultMode, path.Child("defaultMode"))
	paths := map[string]bool{}
	for i := range s.Sources {
		p, at := &s.Sources[i], path.Child("sources").Index(i)
		sources := []source{
			{"secret", p.Secret != nil, func(at *field.Path) field.ErrorList {
				return append(required(at.Child("name"), p.Secret.Name), keysToPaths(p.Secret.Items, at.Child("items"))...)
			}},
			{"configMap", p.ConfigMap != nil, func(at *field.Path) field.ErrorList {
				return append(required(at.Child("name"), p.ConfigMap.Name), keysToPaths(p.ConfigMap.Items, at.Child("items"))...)
			}},
			{"downwardAPI", p.DownwardAPI != nil, func(at *field.Path) field.ErrorList { return downwardFiles(p.DownwardAPI.Items, at) }},
			{"serviceAccountToken", p.ServiceAccountToken != nil, func(at *field.Path) field.ErrorList {
				return projectedToken(p.ServiceAccountToken, at)
			}},
			{"clusterTrustBundle", p.ClusterTrustBundle != nil, nil},
			{"podCertificate", p.PodCertificate != nil, nil},
		}
		errs = append(errs, oneSource(sources, at)...)
		for _, file := range projectedPaths(p) {
			if paths[file] {
				errs = append(errs, field.Invalid(path, file, "conflicting duplicate paths"))
			}
			paths[file] = true
		}
	}
	return errs
}

func projectedToken(t *corev1.ServiceAccountTokenProjection, path *field.Path) field.ErrorList {
	errs := filePath(t.Path, path.Child("path"))
	switch {
	case t.ExpirationSeconds == nil:
	case *t.ExpirationSeconds < 10*60:
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *t.ExpirationSeconds, "may not specify a duration less than 10 minutes"))
	case *t.ExpirationSeconds > 1<<32:
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *t.ExpirationSeconds, "may not specify a duration larger than 2^32 seconds"))
	}
	return errs
}

func projectedPaths(p *corev1.VolumeProjection) []string {
	var paths []string
	switch {
	case p.Secret != nil:
		for _, item := range p.Secret.Items {
			paths = append(paths, item.Path)
		}
	case p.ConfigMap != nil:
		for _, item := range p.ConfigMap.Items {
			paths = append(paths, item.Path)
		}
	case p.DownwardAPI != nil:
		for _, item := range p.DownwardAPI.Items {
			paths = append(paths, item.Path)
		}
	case p.ServiceAccountToken != nil:
		paths = append(paths, p.ServiceAccountToken.Path)
	}
	return paths
}
