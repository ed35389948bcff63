package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podVolumes checks the pod's volumes and keeps those that are valid, for the
// containers' mounts.
func (v *specCheck) podVolumes(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	// The names of the claims that will be made for the pod.
	made := map[string]bool{}
	if v.pod() && v.meta.Name != "" {
		for i := range v.spec.Volumes {
			if v.spec.Volumes[i].Ephemeral != nil {
				made[v.meta.Name+"-"+v.spec.Volumes[i].Name] = true
			}
		}
	}
	v.volumes = make(map[string]*corev1.Volume, len(v.spec.Volumes))
	for i := range v.spec.Volumes {
		volume, at := &v.spec.Volumes[i], path.Index(i)
		wrong := v.volumeSource(volume, at)
		wrong = append(wrong, requiredLabel(at.Child("name"), volume.Name)...)
		if v.volumes[volume.Name] != nil {
			wrong = append(wrong, field.Duplicate(at.Child("name"), volume.Name))
		}
		if len(wrong) == 0 {
			v.volumes[volume.Name] = volume
		}
		errs = append(errs, wrong...)
		if c := volume.PersistentVolumeClaim; c != nil && made[c.ClaimName] {
			errs = append(errs, field.Invalid(at.Child("persistentVolumeClaim", "claimName"), c.ClaimName, "must not reference a PVC that gets created for an ephemeral volume"))
		}
	}
	return errs
}

// source is one kind of volume: its field's name, whether it is used, and its
// check.
type source struct {
	name  string
	set   bool
	check func(*field.Path) field.ErrorList
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
			errs = append(errs, source.check(path.Child(source.name))...)
		}
	}
	if !some {
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	return errs
}

func (v *specCheck) volumeSource(volume *corev1.Volume, path *field.Path) field.ErrorList {
	s := &volume.VolumeSource
	errs := oneSource([]source{
		{"emptyDir", s.EmptyDir != nil, func(p *field.Path) field.ErrorList { return validateEmptyDir(s.EmptyDir, p) }},
		{"hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return validateHostPath(s.HostPath, p) }},
		{"gitRepo", s.GitRepo != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("repository"), s.GitRepo.Repository), localPath(s.GitRepo.Directory, p.Child("directory"))...)
		}},
		{"gcePersistentDisk", s.GCEPersistentDisk != nil, func(*field.Path) field.ErrorList { return validateGCE(s.GCEPersistentDisk, path) }},
		{"awsElasticBlockStore", s.AWSElasticBlockStore != nil, func(p *field.Path) field.ErrorList { return validateAWS(s.AWSElasticBlockStore, p) }},
		{"secret", s.Secret != nil, func(p *field.Path) field.ErrorList {
			return files(required(p.Child("secretName"), s.Secret.SecretName), s.Secret.DefaultMode, s.Secret.DefaultUser, s.Secret.Items, p)
		}},
		{"nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return validateNFS(s.NFS, p) }},
		{"iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList { return validateISCSI(s.ISCSI, p) }},
		{"glusterfs", s.Glusterfs != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("endpoints"), s.Glusterfs.EndpointsName), required(p.Child("path"), s.Glusterfs.Path)...)
		}},
		{"flocker", s.Flocker != nil, func(p *field.Path) field.ErrorList { return validateFlocker(s.Flocker, p) }},
		{"persistentVolumeClaim", s.PersistentVolumeClaim != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("claimName"), s.PersistentVolumeClaim.ClaimName)
		}},
		{"rbd", s.RBD != nil, func(p *field.Path) field.ErrorList { return validateRBD(s.RBD.CephMonitors, s.RBD.RBDImage, p) }},
		{"cinder", s.Cinder != nil, func(p *field.Path) field.ErrorList {
			errs := required(p.Child("volumeID"), s.Cinder.VolumeID)
			return append(errs, localSecret(s.Cinder.SecretRef, p.Child("secretRef"))...)
		}},
		{"cephfs", s.CephFS != nil, func(p *field.Path) field.ErrorList { return some(p.Child("monitors"), len(s.CephFS.Monitors)) }},
		{"quobyte", s.Quobyte != nil, func(p *field.Path) field.ErrorList { return validateQuobyte(s.Quobyte, p) }},
		{"downwardAPI", s.DownwardAPI != nil, func(p *field.Path) field.ErrorList {
			errs := fileMode(s.DownwardAPI.DefaultMode, p.Child("defaultMode"))
			errs = append(errs, owner(s.DownwardAPI.DefaultUser, p.Child("defaultUser"))...)
			return append(errs, downwardFiles(s.DownwardAPI.Items, p)...)
		}},
		{"fc", s.FC != nil, func(p *field.Path) field.ErrorList { return validateFC(s.FC, p) }},
		{"flexVolume", s.FlexVolume != nil, func(p *field.Path) field.ErrorList { return validateFlex(s.FlexVolume.Driver, s.FlexVolume.Options, p) }},
		{"configMap", s.ConfigMap != nil, func(p *field.Path) field.ErrorList {
			return files(required(p.Child("name"), s.ConfigMap.Name), s.ConfigMap.DefaultMode, s.ConfigMap.DefaultUser, s.ConfigMap.Items, p)
		}},
		{"azureFile", s.AzureFile != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("secretName"), s.AzureFile.SecretName), required(p.Child("shareName"), s.AzureFile.ShareName)...)
		}},
		{"vsphereVolume", s.VsphereVolume != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("volumePath"), s.VsphereVolume.VolumePath)
		}},
		{"photonPersistentDisk", s.PhotonPersistentDisk != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("pdID"), s.PhotonPersistentDisk.PdID)
		}},
		{"portworxVolume", s.PortworxVolume != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("volumeID"), s.PortworxVolume.VolumeID)
		}},
		{"azureDisk", s.AzureDisk != nil, func(p *field.Path) field.ErrorList { return validateAzureDisk(s.AzureDisk, p) }},
		{"storageos", s.StorageOS != nil, func(p *field.Path) field.ErrorList {
			errs := validateStorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p)
			return append(errs, localSecret(s.StorageOS.SecretRef, p.Child("secretRef"))...)
		}},
		{"projected", s.Projected != nil, func(p *field.Path) field.ErrorList { return v.projected(s.Projected, p) }},
		{"scaleIO", s.ScaleIO != nil, func(p *field.Path) field.ErrorList {
			return validateScaleIO(s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName, p)
		}},
		{"csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return validateInlineCSI(s.CSI, p) }},
		{"ephemeral", s.Ephemeral != nil, func(p *field.Path) field.ErrorList { return v.ephemeralVolume(volume, path, p) }},
		{"image", s.Image != nil, func(p *field.Path) field.ErrorList {
			errs := v.since(ruleImageReference, required(p.Child("reference"), s.Image.Reference))
			return append(errs, pullPolicies(p.Child("pullPolicy"), s.Image.PullPolicy)...)
		}},
	}, path)
	if s.ISCSI != nil && s.ISCSI.InitiatorName != nil && len(volume.Name+":"+s.ISCSI.TargetPortal) > maxISCSIName {
		errs = append(errs, field.Invalid(path.Child("name"), volume.Name, iscsiNameTooLong))
	}
	return errs
}

func validateEmptyDir(d *corev1.EmptyDirVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if limit := d.SizeLimit; limit != nil && limit.Sign() < 0 {
		errs = append(errs, field.Forbidden(path.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity"))
	}
	if m := d.Mode; m != nil && (*m < 0 || *m > 0o1777) {
		errs = append(errs, field.Invalid(path.Child("mode"), *m, "must be a number between 0 and 01777 (octal), both inclusive"))
	}
	return errs
}

func validateHostPath(h *corev1.HostPathVolumeSource, path *field.Path) field.ErrorList {
	if h.Path == "" {
		return field.ErrorList{field.Required(path.Child("path"), "")}
	}
	errs := noBacksteps(h.Path, path.Child("path"))
	if h.Type == nil {
		return errs
	}
	return append(errs, oneOf(path.Child("type"), *h.Type, corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev,
		corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket)...)
}

func validateNFS(n *corev1.NFSVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("server"), n.Server), required(path.Child("path"), n.Path)...)
	if !strings.HasPrefix(n.Path, "/") {
		errs = append(errs, field.Invalid(path.Child("path"), n.Path, "must be an absolute path"))
	}
	return errs
}

// ephemeralVolume checks the claim that is made for the pod, in spec the path of
// the volume and in path that of its source.
func (v *specCheck) ephemeralVolume(volume *corev1.Volume, spec, path *field.Path) field.ErrorList {
	at := path.Child("volumeClaimTemplate")
	t := volume.Ephemeral.VolumeClaimTemplate
	var errs field.ErrorList
	if t == nil {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, claimTemplateMeta(&t.ObjectMeta, at.Child("metadata"))...)
		errs = append(errs, validateClaimSpec(&t.Spec, nil, at.Child("spec"))...)
	}
	if v.pod() && v.meta.Name != "" && volume.Name != "" {
		claim := v.meta.Name + "-" + volume.Name
		for _, msg := range apivalidation.NameIsDNSSubdomain(claim, false) {
			errs = append(errs, field.Invalid(spec.Child("name"), volume.Name, fmt.Sprintf("PVC name %q: %v", claim, msg)))
		}
	}
	return errs
}

// claimTemplateMeta lets a template have labels and annotations alone.
func claimTemplateMeta(m *metav1.ObjectMeta, path *field.Path) field.ErrorList {
	errs := apivalidation.ValidateAnnotations(m.Annotations, path.Child("annotations"))
	errs = append(errs, metav1validation.ValidateLabels(m.Labels, path.Child("labels"))...)
	return append(errs, forbid(path, "cannot be set", []setField{
		{"name", m.Name != ""}, {"generateName", m.GenerateName != ""}, {"namespace", m.Namespace != ""}, {"selfLink", m.SelfLink != ""},
		{"uID", m.UID != ""}, {"resourceVersion", m.ResourceVersion != ""}, {"generation", m.Generation != 0},
		{"creationTimestamp", !m.CreationTimestamp.IsZero()}, {"deletionTimestamp", m.DeletionTimestamp != nil},
		{"deletionGracePeriodSeconds", m.DeletionGracePeriodSeconds != nil}, {"ownerReferences", len(m.OwnerReferences) > 0},
		{"finalizers", len(m.Finalizers) > 0}, {"managedFields", len(m.ManagedFields) > 0},
	})...)
}

func fileMode(mode *int32, path *field.Path) field.ErrorList {
	if mode != nil && (*mode > 0o777 || *mode < 0) {
		return field.ErrorList{field.Invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}

// files adds what is wrong with the files of a secret or a config map.
func files(errs field.ErrorList, mode *int32, user *int64, items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	errs = append(errs, fileMode(mode, path.Child("defaultMode"))...)
	errs = append(errs, owner(user, path.Child("defaultUser"))...)
	return append(errs, keysToPaths(items, path.Child("items"))...)
}

func keysToPaths(items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		at := path.Index(i)
		errs = append(errs, required(at.Child("key"), item.Key)...)
		errs = append(errs, requiredFile(item.Path, at.Child("path"))...)
		errs = append(errs, fileMode(item.Mode, at.Child("mode"))...)
		errs = append(errs, owner(item.User, at.Child("user"))...)
	}
	return errs
}

// requiredFile requires a path that filePath takes.
func requiredFile(p string, at *field.Path) field.ErrorList {
	return append(required(at, p), filePath(p, at)...)
}

// filePath requires a relative path that neither climbs nor begins with "..":
// such names are the volume's own.
func filePath(p string, at *field.Path) field.ErrorList {
	errs := localPath(p, at)
	if strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../") {
		errs = append(errs, field.Invalid(at, p, "must not start with '..'"))
	}
	return errs
}

// downwardFiles names errors after path, and not after the item: so does
// Kubernetes.
func downwardFiles(items []corev1.DownwardAPIVolumeFile, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, item := range items {
		errs = append(errs, requiredFile(item.Path, path.Child("path"))...)
		switch {
		case item.FieldRef != nil:
			errs = append(errs, validateFieldRef(item.FieldRef, volumePaths, path.Child("fieldRef"))...)
			if item.ResourceFieldRef != nil {
				errs = append(errs, field.Invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
			}
		case item.ResourceFieldRef != nil:
			errs = append(errs, validateResourceRef(item.ResourceFieldRef, true, path.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(path, "one of fieldRef and resourceFieldRef is required"))
		}
		errs = append(errs, fileMode(item.Mode, path.Child("mode"))...)
		errs = append(errs, owner(item.User, path.Child("user"))...)
	}
	return errs
}
