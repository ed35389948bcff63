package core

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// some requires that there is something in a list.
func some(path *field.Path, n int) field.ErrorList {
	if n == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

// owner checks the user that owns a file.
func owner(user *int64, path *field.Path) field.ErrorList {
	return id(user, validation.IsValidUserID, path)
}

func localSecret(ref *corev1.LocalObjectReference, path *field.Path) field.ErrorList {
	if ref == nil {
		return nil
	}
	return required(path.Child("name"), ref.Name)
}

func remoteSecret(ref *corev1.SecretReference, path *field.Path) field.ErrorList {
	if ref == nil {
		return nil
	}
	return append(required(path.Child("name"), ref.Name), required(path.Child("namespace"), ref.Namespace)...)
}

func partition(n int32, path *field.Path) field.ErrorList {
	if n < 0 || n > 255 {
		return field.ErrorList{field.Invalid(path, n, validation.InclusiveRangeError(1, 255))}
	}
	return nil
}

// validateGCE is given the volume's path: Kubernetes calls the field by another
// name in its errors.
func validateGCE(d *corev1.GCEPersistentDiskVolumeSource, volume *field.Path) field.ErrorList {
	path := volume.Child("persistentDisk")
	return append(required(path.Child("pdName"), d.PDName), partition(d.Partition, path.Child("partition"))...)
}

func validateAWS(d *corev1.AWSElasticBlockStoreVolumeSource, path *field.Path) field.ErrorList {
	return append(required(path.Child("volumeID"), d.VolumeID), partition(d.Partition, path.Child("partition"))...)
}

func validateRBD(monitors []string, image string, path *field.Path) field.ErrorList {
	return append(some(path.Child("monitors"), len(monitors)), required(path.Child("image"), image)...)
}

func validateScaleIO(gateway, system, volume string, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("gateway"), gateway), required(path.Child("system"), system)...)
	return append(errs, required(path.Child("volumeName"), volume)...)
}

func validateStorageOS(name, namespace string, path *field.Path) field.ErrorList {
	errs := requiredLabel(path.Child("volumeName"), name)
	if namespace != "" {
		errs = append(errs, label(path.Child("volumeNamespace"), namespace)...)
	}
	return errs
}

func validateFlocker(f *corev1.FlockerVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case f.DatasetName == "" && f.DatasetUUID == "":
		errs = append(errs, field.Required(path, "one of datasetName and datasetUUID is required"))
	case f.DatasetName != "" && f.DatasetUUID != "":
		errs = append(errs, field.Invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(f.DatasetName, "/") {
		errs = append(errs, field.Invalid(path.Child("datasetName"), f.DatasetName, "must not contain '/'"))
	}
	return errs
}

func validateQuobyte(q *corev1.QuobyteVolumeSource, path *field.Path) field.ErrorList {
	const pairs = "must be a host:port pair or multiple pairs separated by commas"
	var errs field.ErrorList
	switch {
	case q.Registry == "":
		errs = append(errs, field.Required(path.Child("registry"), pairs))
	case len(q.Tenant) > 64:
		errs = append(errs, field.Required(path.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
	default:
		for pair := range strings.SplitSeq(q.Registry, ",") {
			if _, _, err := net.SplitHostPort(pair); err != nil {
				errs = append(errs, field.Invalid(path.Child("registry"), q.Registry, pairs))
			}
		}
	}
	return append(errs, required(path.Child("volume"), q.Volume)...)
}

func validateFC(f *corev1.FCVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	targets := path.Child("targetWWNs")
	if len(f.TargetWWNs) == 0 && len(f.WWIDs) == 0 {
		errs = append(errs, field.Required(targets, "must specify either targetWWNs or wwids, but not both"))
	}
	if len(f.TargetWWNs) == 0 {
		return errs
	}
	if len(f.WWIDs) > 0 {
		errs = append(errs, field.Invalid(targets, f.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	if f.Lun == nil {
		return append(errs, field.Required(path.Child("lun"), "lun is required if targetWWNs is specified"))
	}
	return append(errs, lun(*f.Lun, path)...)
}

func lun(n int32, path *field.Path) field.ErrorList {
	if n < 0 || n > 255 {
		return field.ErrorList{field.Invalid(path.Child("lun"), n, validation.InclusiveRangeError(0, 255))}
	}
	return nil
}

func validateFlex(driver string, options map[string]string, path *field.Path) field.ErrorList {
	errs := required(path.Child("driver"), driver)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		domain, _, _ := strings.Cut(key, "/")
		domain = "." + strings.ToLower(domain)
		if strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io") {
			errs = append(errs, field.Invalid(path.Child("options").Key(key), key, "kubernetes.io and k8s.io namespaces are reserved"))
		}
	}
	return errs
}

func validateAzureDisk(d *corev1.AzureDiskVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("diskName"), d.DiskName), required(path.Child("diskURI"), d.DataDiskURI)...)
	if d.CachingMode != nil {
		errs = append(errs, oneOf(path.Child("cachingMode"), *d.CachingMode, corev1.AzureDataDiskCachingNone, corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite)...)
	}
	if d.Kind == nil {
		return errs
	}
	errs = append(errs, oneOf(path.Child("kind"), *d.Kind, corev1.AzureDedicatedBlobDisk, corev1.AzureManagedDisk, corev1.AzureSharedBlobDisk)...)
	managed := *d.Kind == corev1.AzureManagedDisk
	switch {
	case managed && !strings.HasPrefix(d.DataDiskURI, "/subscriptions/"):
		errs = append(errs, field.NotSupported(path.Child("diskURI"), d.DataDiskURI,
			[]string{"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"}))
	case !managed && !strings.HasPrefix(d.DataDiskURI, "https://"):
		errs = append(errs, field.NotSupported(path.Child("diskURI"), d.DataDiskURI,
			[]string{"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"}))
	}
	return errs
}

const (
	maxISCSIName     = 64
	iscsiNameTooLong = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."
)

// iscsiNames are the forms of the names of iSCSI nodes (RFC 3720, 3.2.6), by
// how they begin.
var iscsiNames = map[string]*regexp.Regexp{
	"iqn": regexp.MustCompile(`iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$`),
	"eui": regexp.MustCompile(`^eui.[[:alnum:]]{16}$`),
	"naa": regexp.MustCompile(`^naa.[[:alnum:]]{32}$`),
}

func iscsiName(name, unknown string, path *field.Path) field.ErrorList {
	if len(name) < 3 || iscsiNames[name[:3]] == nil {
		return field.ErrorList{field.Invalid(path, name, unknown)}
	}
	if !iscsiNames[name[:3]].MatchString(name) {
		return field.ErrorList{field.Invalid(path, name, "must be valid format")}
	}
	return nil
}

func validateISCSI(s *corev1.ISCSIVolumeSource, path *field.Path) field.ErrorList {
	const unknown = "must be valid format starting with iqn, eui, or naa"
	errs := required(path.Child("targetPortal"), s.TargetPortal)
	errs = append(errs, iscsiTarget(s.IQN, s.Lun, unknown, path)...)
	if (s.DiscoveryCHAPAuth || s.SessionCHAPAuth) && s.SecretRef == nil {
		errs = append(errs, field.Required(path.Child("secretRef"), ""))
	}
	if s.InitiatorName != nil {
		errs = append(errs, iscsiName(*s.InitiatorName, unknown, path.Child("initiatorname"))...)
	}
	return errs
}

func iscsiTarget(iqn string, n int32, unknown string, path *field.Path) field.ErrorList {
	errs := required(path.Child("iqn"), iqn)
	if len(errs) == 0 {
		errs = iscsiName(iqn, unknown, path.Child("iqn"))
	}
	return append(errs, lun(n, path)...)
}

func validatePersistentISCSI(s *corev1.ISCSIPersistentVolumeSource, volume string, path *field.Path) field.ErrorList {
	const unknown = "must be valid format"
	errs := required(path.Child("targetPortal"), s.TargetPortal)
	if s.InitiatorName != nil && len(volume+":"+s.TargetPortal) > maxISCSIName {
		errs = append(errs, field.Invalid(path.Child("targetportal"), s.TargetPortal, iscsiNameTooLong))
	}
	errs = append(errs, iscsiTarget(s.IQN, s.Lun, unknown, path)...)
	if (s.DiscoveryCHAPAuth || s.SessionCHAPAuth) && s.SecretRef == nil {
		errs = append(errs, field.Required(path.Child("secretRef"), ""))
	}
	if s.SecretRef != nil {
		errs = append(errs, required(path.Child("secretRef", "name"), s.SecretRef.Name)...)
	}
	if s.InitiatorName != nil {
		errs = append(errs, iscsiName(*s.InitiatorName, unknown, path.Child("initiatorname"))...)
	}
	return errs
}

// maxDriverName is the length of a CSI driver's name.
const maxDriverName = 63

// CSIDriverName checks the name of a CSI driver, in which upper case is allowed.
func CSIDriverName(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(path, "", maxDriverName))
	}
	return append(errs, invalid(path, name, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}

func validateInlineCSI(s *corev1.CSIVolumeSource, path *field.Path) field.ErrorList {
	errs := CSIDriverName(path.Child("driver"), s.Driver)
	if ref := s.NodePublishSecretRef; ref != nil {
		if ref.Name == "" {
			errs = append(errs, field.Required(path.Child("nodePublishSecretRef", "name"), ""))
		} else {
			errs = append(errs, subdomain(path.Child("name"), ref.Name)...)
		}
	}
	return errs
}

func validatePersistentCSI(s *corev1.CSIPersistentVolumeSource, path *field.Path) field.ErrorList {
	errs := CSIDriverName(path.Child("driver"), s.Driver)
	errs = append(errs, required(path.Child("volumeHandle"), s.VolumeHandle)...)
	for _, ref := range []struct {
		name string
		*corev1.SecretReference
	}{
		{"controllerPublishSecretRef", s.ControllerPublishSecretRef}, {"controllerExpandSecretRef", s.ControllerExpandSecretRef},
		{"nodePublishSecretRef", s.NodePublishSecretRef}, {"nodeExpandSecretRef", s.NodeExpandSecretRef},
	} {
		if ref.SecretReference == nil {
			continue
		}
		at := path.Child(ref.name)
		if ref.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, subdomain(at.Child("name"), ref.Name)...)
		}
		errs = append(errs, requiredLabel(at.Child("namespace"), ref.Namespace)...)
	}
	return errs
}

func validatePersistentGlusterfs(g *corev1.GlusterfsPersistentVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("endpoints"), g.EndpointsName), required(path.Child("path"), g.Path)...)
	if n := g.EndpointsNamespace; n != nil {
		at := path.Child("endpointsNamespace")
		if *n == "" {
			return append(errs, field.Invalid(at, *n, "if the endpointnamespace is set, it must be a valid namespace name"))
		}
		errs = append(errs, label(at, *n)...)
	}
	return errs
}

func validatePersistentAzureFile(f *corev1.AzureFilePersistentVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("secretName"), f.SecretName), required(path.Child("shareName"), f.ShareName)...)
	if f.SecretNamespace != nil {
		errs = append(errs, required(path.Child("secretNamespace"), *f.SecretNamespace)...)
	}
	return errs
}
